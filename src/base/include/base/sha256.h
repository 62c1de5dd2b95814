/* SHA-256 (FIPS 180-4), for names that have to stand for their content. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32

void sha256(const void *data, size_t length, uint8_t ret[SHA256_SIZE]);

#endif
