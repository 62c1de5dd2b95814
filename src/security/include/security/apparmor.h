/* AppArmor: the default profile, and whether a profile can be used on this host. Nothing here changes the
 * caller. */
#ifndef SECURITY_APPARMOR_H
#define SECURITY_APPARMOR_H

#include <base/error.h>

#define APPARMOR_DEFAULT_NAME "nsinit-default"

/* The text of the profile "nsinit-default", for apparmor_parser 3 and later. Static. */
const char *apparmor_default_profile(void);

/* 1 when the kernel has AppArmor switched on, else 0. */
int apparmor_enabled(void);

/* 0 when `profile` can be put on a process: "unconfined" always, others when AppArmor is on and they are
 * loaded (or when the list of loaded ones cannot be read: then the kernel decides at exec). Otherwise
 * -ENOTSUP. */
int apparmor_check(const char *profile, const char *pointer, struct lc_error **err);

/* Loads the default profile into the kernel with apparmor_parser; no file is written. Refuses (-EEXIST) when
 * a file in /etc/apparmor.d has a different profile of that name. */
int apparmor_load(struct lc_error **err);

#endif
