#include <lcsys/rootless.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool sys_in_user_namespace(void)
{
    unsigned inside, outside, count;
    char text[128];
    int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        (void)close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    return sscanf(text, "%u %u %u", &inside, &outside, &count) == 3 && count != UINT32_MAX;
}

bool sys_is_rootless(void)
{
    const char *runtime = secure_getenv("XDG_RUNTIME_DIR");

    if (geteuid() != 0)
        return true;
    return runtime != NULL && runtime[0] == '/' && strcmp(runtime, "/run/user/0") != 0 &&
           sys_in_user_namespace();
}
