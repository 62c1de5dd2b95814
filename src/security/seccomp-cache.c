/* Compiled programs, below the state root. Whoever can write there could switch the filter off, so nothing is read that
 * anybody else could have written; and a program is found by all that it was made from, never by a name or a part. */
#include "seccomp-internal.h"

#include <base/buffer.h>
#include <base/util.h>

#include <seccomp.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#define CACHE_NAME ".seccomp"
#define CACHE_ENTRIES 64
#define CACHE_MAGIC "lcbpf 5" /* the number: of this format, and of the way in which we compile */
#define NAME_SIZE 17

/* Behind it: the key, then the program. */
struct header {
    char magic[8];
    uint64_t key_length, length, checksum;
    uint32_t flags, notifies; /* of struct seccomp_filter */
};
_Static_assert(sizeof(struct header) == 40, "no padding: it is written as it is");

static void add_number(struct buffer *key, uint64_t number)
{
    buffer_add(key, &number, sizeof(number));
}

/* With its NUL, which no string holds: so no two lists of strings look alike. */
static void add_string(struct buffer *key, const char *string)
{
    buffer_add(key, string, strlen(string) + 1);
}

/* All that the program is made from, and the kernel that was asked what it can do. */
int seccomp_cache_key(const char *text, size_t length, struct buffer *ret)
{
    const struct scmp_version *version = seccomp_version();
    static const char padding[sizeof(uint64_t)];
    struct utsname kernel;

    if (uname(&kernel) < 0)
        return -errno;
    add_number(ret, seccomp_arch_native());
    add_number(ret, version->major);
    add_number(ret, version->minor);
    add_number(ret, version->micro);
    add_number(ret, length);
    buffer_add(ret, text, length);
    add_string(ret, kernel.release);
    add_string(ret, kernel.version);
    buffer_add(ret, padding, sizeof(padding) - ret->length % sizeof(padding));
    return ret->failed ? -ENOMEM : 0;
}

/* Every step can be undone, so that no change of a single word goes unseen. `length`: of whole words. */
static uint64_t sum_words(uint64_t sum, const void *data, size_t length)
{
    uint64_t word;

    for (size_t i = 0; i < length; i += sizeof(word)) {
        memcpy(&word, (const char *)data + i, sizeof(word));
        sum = (sum ^ word) * 0x100000001b3;
        sum ^= sum >> 29;
    }
    return sum;
}

/* Finds damage, as after a power failure; against people there are owner and mode. */
static uint64_t checksum(const struct header *header, const void *program)
{
    const uint64_t loading[] = { header->length, (uint64_t)header->flags << 32 | header->notifies };

    return sum_words(sum_words(0xcbf29ce484222325, loading, sizeof(loading)), program, header->length);
}

static bool is_ours(int fd, mode_t type, mode_t mode, struct stat *ret)
{
    return fstat(fd, ret) == 0 && (ret->st_mode & S_IFMT) == type && (ret->st_mode & 07777) == mode &&
           ret->st_uid == geteuid();
}

int seccomp_cache_open(int dirfd)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    CLEAN_FD int fd = -EBADF;
    struct stat st;
    bool made;

    if (dirfd < 0)
        return -ENOENT;
    fd = openat(dirfd, CACHE_NAME, flags);
    made = fd < 0 && errno == ENOENT && mkdirat(dirfd, CACHE_NAME, 0700) == 0;
    if (made)
        fd = openat(dirfd, CACHE_NAME, flags);
    if (fd < 0)
        return -errno;
    /* The caller's umask may have taken something away. */
    if (made && fchmod(fd, 0700) < 0)
        return -errno;
    return is_ours(fd, S_IFDIR, 0700, &st) ? fd_take(&fd) : -EPERM;
}

/* The key itself decides: two of one name only drive each other out. */
static void name_of(const struct buffer *key, char ret[NAME_SIZE])
{
    (void)snprintf(
            ret, NAME_SIZE, "%016llx", (unsigned long long)sum_words(key->length, key->data, key->length));
}

static bool header_holds(const struct header *header, const struct buffer *key, const struct stat *st)
{
    return memcmp(header->magic, CACHE_MAGIC, sizeof(header->magic)) == 0 &&
           header->key_length == key->length && header->length > 0 &&
           header->length % sizeof(struct sock_filter) == 0 &&
           header->length <= BPF_MAXINSNS * sizeof(struct sock_filter) &&
           st->st_size == (off_t)(sizeof(*header) + header->key_length + header->length);
}

int seccomp_cache_read(int cache, const struct buffer *key, struct seccomp_filter *ret)
{
    CLEAN_FREE char *known = malloc(key->length);
    CLEAN_FREE void *program = NULL;
    CLEAN_FD int fd = -EBADF;
    char name[NAME_SIZE];
    struct iovec parts[2];
    struct header header;
    struct stat st;

    name_of(key, name);
    fd = openat(cache, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (!is_ours(fd, S_IFREG, 0600, &st) || st.st_nlink != 1)
        return -EPERM;
    if (read(fd, &header, sizeof(header)) != sizeof(header) || !header_holds(&header, key, &st))
        return -EBADMSG;
    program = malloc(header.length);
    if (known == NULL || program == NULL)
        return -ENOMEM;
    parts[0] = (struct iovec){ known, key->length };
    parts[1] = (struct iovec){ program, header.length };
    if (readv(fd, parts, ARRAY_SIZE(parts)) != (ssize_t)(key->length + header.length) ||
            memcmp(known, key->data, key->length) != 0 || checksum(&header, program) != header.checksum)
        return -EBADMSG;
    *ret = (struct seccomp_filter){ .program = TAKE_POINTER(program),
        .length = header.length,
        .flags = header.flags,
        .notifies = header.notifies != 0 };
    return 0;
}

/* Counts the entries and finds the one that was written first. */
static size_t find_oldest(DIR *directory, char *ret, size_t size)
{
    struct timespec oldest = { 0 };
    struct dirent *entry;
    size_t count = 0;

    ret[0] = '\0';
    rewinddir(directory);
    while ((entry = readdir(directory)) != NULL) {
        struct stat st;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (count++ > 0 &&
                (st.st_mtim.tv_sec > oldest.tv_sec ||
                        (st.st_mtim.tv_sec == oldest.tv_sec && st.st_mtim.tv_nsec >= oldest.tv_nsec)))
            continue;
        oldest = st.st_mtim;
        (void)snprintf(ret, size, "%s", entry->d_name);
    }
    return count;
}

static int make_room(int cache)
{
    char oldest[256]; /* NAME_MAX and its NUL */
    int fd = openat(cache, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    int r = 0;

    if (directory == NULL) {
        r = -errno;
        fd_close(&fd);
        return r;
    }
    while (r == 0 && find_oldest(directory, oldest, sizeof(oldest)) >= CACHE_ENTRIES)
        r = unlinkat(cache, oldest, 0) < 0 && errno != ENOENT ? -errno : 0;
    (void)closedir(directory);
    return r;
}

static int write_entry(int fd, const struct header *header, const struct buffer *key, const void *program)
{
    struct iovec parts[] = { { (void *)header, sizeof(*header) }, { key->data, key->length },
        { (void *)program, header->length } };

    if (fchmod(fd, 0600) < 0)
        return -errno;
    if (writev(fd, parts, ARRAY_SIZE(parts)) != (ssize_t)(sizeof(*header) + key->length + header->length))
        return -EIO;
    return 0;
}

int seccomp_cache_write(int cache, const struct buffer *key, const struct seccomp_filter *filter)
{
    struct header header = { .magic = CACHE_MAGIC,
        .key_length = key->length,
        .length = filter->length,
        .flags = filter->flags,
        .notifies = filter->notifies };
    char name[NAME_SIZE], temporary[32];
    CLEAN_FD int fd = -EBADF;
    uint64_t random;
    int r = make_room(cache);

    if (r < 0)
        return r;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return -EAGAIN;
    header.checksum = checksum(&header, filter->program);
    name_of(key, name);
    (void)snprintf(temporary, sizeof(temporary), "new-%016llx", (unsigned long long)random);
    fd = openat(cache, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = write_entry(fd, &header, key, filter->program);
    if (r == 0 && renameat(cache, temporary, cache, name) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(cache, temporary, 0);
    return r;
}
