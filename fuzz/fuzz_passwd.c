/* /etc/passwd and /etc/group of a hostile container: one input is one line. */
#include "../src/init/passwd.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = malloc(size + 1);
    struct passwd_line user;
    struct group_line group;
    uint32_t number;

    memcpy(line, data, size);
    line[size] = '\0';
    if (passwd_number(line, size, &number) == 0 &&
            (number == UINT32_MAX || strtoull(line, NULL, 10) != number))
        abort();
    if (passwd_parse(line, &user) &&
            (user.uid == UINT32_MAX || user.gid == UINT32_MAX || user.name_length == 0 ||
                    memchr(user.name, ':', user.name_length) != NULL))
        abort();
    if (group_parse(line, &group)) {
        if (group.gid == UINT32_MAX || strlen(group.members) > size)
            abort();
        (void)group_has_member(&group, "root");
    }
    free(line);
    return 0;
}
