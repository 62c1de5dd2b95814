#include <cli/terminal.h>

#include <fcntl.h>
#include <unistd.h>

int stdio_fill(int stdio[3])
{
    for (int fd = 0; fd < 3; fd++) {
        stdio[fd] = fd;
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        stdio[fd] = -1;
        if (open("/dev/null", O_RDWR) != fd)
            return -1;
    }
    return 0;
}
