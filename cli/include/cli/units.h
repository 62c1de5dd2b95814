/* Numbers as people write them on the command line. */
#ifndef CLI_UNITS_H
#define CLI_UNITS_H

#include <stdbool.h>

/* "1024", "50M", "1.5g", "64 KiB": powers of 1024; "-1" stays. */
bool units_size(const char *text, long long *ret);
bool units_number(const char *text, long long *ret); /* all of the text, decimal */
bool units_unsigned(const char *text, unsigned long long *ret);
/* "5s", "1m30s", "100ms", in milliseconds. */
bool units_duration(const char *text, long long *ret);
/* "2", "0.5", in milliseconds. */
bool units_seconds(const char *text, long long *ret);
/* A signal by number or name, with or without SIG; -1 when it is none. */
int signal_parse(const char *text);

#endif
