/* Changes a tree as fast as it can while a runtime looks at it. `racer WHAT PATH...`, on the host or inside.
 *
 * exchange A B    renameat2(RENAME_EXCHANGE) of two names
 * flip PATH LINK  PATH is by turns a directory and a symlink to LINK
 * swap PATH LINK  PATH is by turns a regular file, a symlink to LINK and /dev/null's like
 * remount PATH DIR  by turns binds DIR on PATH and unmounts it */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* What others do with the names at the same time may make any of these fail: then the next round does it. */
static void may_fail(int result)
{
    (void)result;
}

static void exchange(char **args)
{
    may_fail(renameat2(AT_FDCWD, args[0], AT_FDCWD, args[1], RENAME_EXCHANGE));
}

static void flip(char **args)
{
    may_fail(mkdir(args[0], 0755));
    may_fail(rmdir(args[0]));
    may_fail(symlink(args[1], args[0]));
    may_fail(unlink(args[0]));
}

static void swap(char **args)
{
    may_fail(mknod(args[0], S_IFCHR | 0666, makedev(1, 3)));
    may_fail(unlink(args[0]));
    may_fail(symlink(args[1], args[0]));
    may_fail(unlink(args[0]));
    may_fail(mknod(args[0], S_IFREG | 0666, 0));
    may_fail(unlink(args[0]));
}

static void remount(char **args)
{
    may_fail(mount(args[1], args[0], NULL, MS_BIND | MS_REC, NULL));
    may_fail(umount2(args[0], MNT_DETACH));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*round)(char **args);
    } table[] = {
        { "exchange", exchange },
        { "flip", flip },
        { "swap", swap },
        { "remount", remount },
    };

    if (argc != 4)
        return 2;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        while (strcmp(argv[1], table[i].name) == 0)
            table[i].round(argv + 2);
    return 2;
}
