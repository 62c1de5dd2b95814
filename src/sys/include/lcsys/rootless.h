/* Whose root we are. */
#ifndef LCSYS_ROOTLESS_H
#define LCSYS_ROOTLESS_H

#include <stdbool.h>

/* In another user namespace than the first one. */
bool sys_in_user_namespace(void);
/* An ordinary user, or root of a user namespace that an ordinary user's engine has made for itself: what belongs to the system is
 * somebody else's, what belongs to the user (his runtime directory, his systemd) is ours. Not so root of a whole system in a
 * user namespace, who has a runtime directory of his own. */
bool sys_is_rootless(void);

#endif
