#ifndef SECURITY_SELINUX_H
#define SECURITY_SELINUX_H

#include <base/error.h>

/* 0 when this host runs SELinux and its policy knows the label. `pointer`: the key that asked for it. */
int selinux_check(const char *label, const char *pointer, struct lc_error **err);

#endif
