/* /etc/passwd and /etc/group, line by line, with no heap and no NSS. Pure: works on one line at a time. */
#ifndef INIT_PASSWD_H
#define INIT_PASSWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decimal number below 2^32-1 and nothing else: no sign, no space. Returns 0 or -EINVAL. */
int passwd_number(const char *text, size_t length, uint32_t *ret_number);

/* "name:x:uid:gid:..." : true when the line is well-formed. */
struct passwd_line {
    const char *name;
    size_t name_length;
    uint32_t uid, gid;
};
bool passwd_parse(const char *line, struct passwd_line *ret);

/* "name:x:gid:user,user" : members points at the list. */
struct group_line {
    const char *name;
    size_t name_length;
    uint32_t gid;
    const char *members;
};
bool group_parse(const char *line, struct group_line *ret);
bool group_has_member(const struct group_line *group, const char *user);

#endif
