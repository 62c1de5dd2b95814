#include <cli/terminal.h>

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static int saved_fd = -1;

bool terminal_size(unsigned short *rows, unsigned short *columns)
{
    struct winsize size;

    for (int fd = 0; fd < 3; fd++)
        if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
            *rows = size.ws_row;
            *columns = size.ws_col;
            return true;
        }
    return false;
}

bool terminal_raw(int fd, bool keep_output)
{
    struct termios raw;

    if (tcgetattr(fd, &saved) < 0)
        return false;
    raw = saved;
    cfmakeraw(&raw);
    if (keep_output)
        raw.c_oflag = saved.c_oflag;
    saved_fd = fd;
    return tcsetattr(fd, TCSADRAIN, &raw) == 0;
}

void terminal_restore(void)
{
    if (saved_fd >= 0)
        (void)tcsetattr(saved_fd, TCSADRAIN, &saved);
    saved_fd = -1;
}
