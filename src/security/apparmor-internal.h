/* The parts of the AppArmor code that do not need AppArmor, for the tests. */
#ifndef SECURITY_APPARMOR_INTERNAL_H
#define SECURITY_APPARMOR_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

/* Is `name` in the text of /sys/kernel/security/apparmor/profiles ("NAME (enforce)\n"...)? */
bool apparmor_list_has(const char *list, const char *name, size_t length);
/* Does this policy text define a profile `name`? */
bool apparmor_policy_defines(const char *policy, const char *name);
/* The whole file as text, at most `limit` bytes: caller frees. NULL with errno. */
char *apparmor_read_file(int dirfd, const char *path, size_t limit);
/* The first file of `directory` that defines `name` in another text than `ours`: "DIRECTORY/FILE", caller
 * frees; NULL: none. */
char *apparmor_find_policy(const char *directory, const char *name, const char *ours);
/* Runs `program` with that text as its stdin. 0; or -errno, with the end of what it wrote to stderr in
 * `ret_text`
 * ("" when there was nothing). *ret_status: the wait status, when it ran at all. */
int apparmor_run(const char *program, char *const *arguments, const char *input, char *ret_text, size_t size,
        int *ret_status);

#endif
