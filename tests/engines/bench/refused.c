/* Asks for a personality that the engines' seccomp profiles refuse, whatever capabilities there are: the status is the errno. */
#include <errno.h>
#include <sys/personality.h>

int main(void)
{
    return personality(ADDR_NO_RANDOMIZE) == -1 ? errno : 0;
}
