/* What the running kernel and the calling thread have. Names come from libcap. */
#ifndef SECURITY_CAPABILITIES_H
#define SECURITY_CAPABILITIES_H

#include <stdint.h>

/* The highest capability that the kernel knows, or -errno. */
int capabilities_last(void);
/* The bounding set of the calling thread as a bit set. */
int capabilities_bounding(uint64_t *ret);
/* "CAP_CHOWN", or the decimal number where libcap knows no name. Caller frees; NULL without memory. */
char *capability_name(int capability);

#endif
