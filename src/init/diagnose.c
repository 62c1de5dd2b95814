/* After a failure there is time: find out what a person would have to find out. */
#include "init.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define ST_NOEXEC_ 8

static void say_number(struct init *init, const char *before, uint64_t number, unsigned int base)
{
    init_detail(init, before);
    text_append_number(init->failure.detail, sizeof(init->failure.detail), number, base);
}

static void describe_denied(struct init *init, const char *path, const struct stat *st, const char *right)
{
    init_detail(init, path);
    init_detail(init, right);
    say_number(init, " for uid ", geteuid(), 10);
    say_number(init, " (mode 0", st->st_mode & 07777, 8);
    say_number(init, ", owner ", st->st_uid, 10);
    say_number(init, ":", st->st_gid, 10);
    init_detail(init, ")");
}

/* Below a root of the container's, never outside of it, not even to look. */
static int look(int at, const char *path)
{
    int fd = at == AT_FDCWD ? openat(at, path, O_PATH | O_CLOEXEC)
                            : path_open(at, path, PATH_MUST_EXIST, false);

    if (at == AT_FDCWD && fd < 0)
        return -errno;
    return fd;
}

static void describe_missing(struct init *init, int at, const char *path, int errnum)
{
    struct stat st;
    bool dangling = at == AT_FDCWD && fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0;

    init_detail(init, path);
    init_detail(init, dangling ? " is a dangling symbolic link" : " does not exist");
    if (errnum == EACCES || errnum == EPERM)
        say_number(init, ", and cannot be made by uid ", geteuid(), 10);
}

/* True when something was said. */
static bool diagnose_component(struct init *init, int at, const char *path, bool last, int errnum)
{
    struct stat st;
    int fd = look(at, path);
    bool said = false;

    if (fd == -ENOENT) {
        describe_missing(init, at, path, errnum);
        return true;
    }
    if (fd >= 0 && fstat(fd, &st) == 0) {
        if ((!last || errnum == ENOTDIR) && !S_ISDIR(st.st_mode)) {
            init_detail(init, path);
            init_detail(init, " is not a directory");
            said = true;
        } else if (faccessat(fd, "", X_OK, AT_EACCESS | AT_EMPTY_PATH) < 0 && errno == EACCES &&
                   (S_ISDIR(st.st_mode) || last)) {
            describe_denied(init, path, &st, " lacks x");
            said = true;
        }
    }
    init_close(&fd);
    return said;
}

void init_diagnose_path(struct init *init, int at, const char *path, int errnum)
{
    char part[512];
    size_t length = strlen(path);

    if (init->failure.detail[0] != '\0' || length == 0 || length >= sizeof(part))
        return;
    for (size_t end = 1; end <= length; end++) {
        if (path[end] != '/' && path[end] != '\0')
            continue;
        memcpy(part, path, end);
        part[end] = '\0';
        if (diagnose_component(init, at, part, path[end] == '\0', errnum))
            return;
    }
}

/* "#!/usr/bin/python3 -u" */
static bool script_interpreter(const char *text, size_t length, char *out, size_t size)
{
    size_t start = 2, end;

    if (length < 3 || text[0] != '#' || text[1] != '!')
        return false;
    while (start < length && (text[start] == ' ' || text[start] == '\t'))
        start++;
    for (end = start; end < length && text[end] > ' '; end++)
        ;
    if (end == start || end - start >= size)
        return false;
    memcpy(out, text + start, end - start);
    out[end - start] = '\0';
    return true;
}

static bool elf_interpreter(int fd, const char *text, size_t length, char *out, size_t size)
{
    Elf64_Ehdr header;
    Elf64_Phdr entry;

    if (length < sizeof(header) || memcmp(text, ELFMAG, SELFMAG) != 0 || text[EI_CLASS] != ELFCLASS64)
        return false;
    memcpy(&header, text, sizeof(header));
    for (unsigned int i = 0; i < header.e_phnum && header.e_phentsize == sizeof(entry); i++) {
        off_t at = (off_t)(header.e_phoff + i * sizeof(entry));

        if (pread(fd, &entry, sizeof(entry), at) != (ssize_t)sizeof(entry))
            return false;
        if (entry.p_type == PT_INTERP && entry.p_filesz > 0 && entry.p_filesz < size &&
                pread(fd, out, entry.p_filesz, (off_t)entry.p_offset) == (ssize_t)entry.p_filesz) {
            out[entry.p_filesz] = '\0';
            return true;
        }
    }
    return false;
}

static void diagnose_interpreter(struct init *init, const char *path)
{
    char text[512], interpreter[256];
    struct stat st;
    int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    ssize_t got;

    if (fd < 0)
        return;
    got = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? pread(fd, text, sizeof(text), 0) : -1;
    if (got > 0 && (script_interpreter(text, (size_t)got, interpreter, sizeof(interpreter)) ||
                           elf_interpreter(fd, text, (size_t)got, interpreter, sizeof(interpreter)))) {
        if (access(interpreter, F_OK) < 0) {
            init_detail(init, "its interpreter ");
            init_detail(init, interpreter);
            init_detail(init, " does not exist in the container");
        }
    }
    (void)close(fd);
}

void init_diagnose_exec(struct init *init, const char *path, int errnum)
{
    struct statfs fs;
    struct stat st;

    init->failure.outcome = WIRE_NOT_EXECUTABLE;
    if (errnum == ENOENT || errnum == ENOTDIR) {
        if (strchr(path, '/') == NULL || access(path, F_OK) < 0) {
            init->failure.outcome = WIRE_NOT_FOUND;
            init_detail(init, strchr(path, '/') == NULL ? "not found along the container's PATH"
                                                        : "not found in the container");
            return;
        }
        diagnose_interpreter(init, path);
    } else if (errnum == ENOEXEC) {
        init_detail(init, "neither a program for this machine nor a script that begins with #!");
    } else if (errnum == EACCES) {
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            init_detail(init, "it is a directory");
        else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
            init_detail(init, "it is not a regular file");
        else if (statfs(path, &fs) == 0 && ((unsigned long)fs.f_flags & ST_NOEXEC_) != 0)
            init_detail(init, "it is on a file system that is mounted noexec");
        else
            init_diagnose_path(init, AT_FDCWD, path, errnum);
    }
}
