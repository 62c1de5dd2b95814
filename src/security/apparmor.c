/* Is AppArmor there, and is a profile loaded? */
#include <security/apparmor.h>

#include "apparmor-internal.h"

#include <base/buffer.h>
#include <base/util.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define ENABLED_FILE "/sys/module/apparmor/parameters/enabled"
#define PROFILES_FILE "/sys/kernel/security/apparmor/profiles"
#define PROFILES_LIMIT (16 << 20)

static void buffer_clean(struct buffer *buffer)
{
    buffer_done(buffer);
}

char *apparmor_read_file(int dirfd, const char *path, size_t limit)
{
    CLEANUP(buffer_clean) struct buffer text = { 0 };
    CLEAN_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    char *result;

    if (fd < 0 || fstat(fd, &status) < 0)
        return NULL;
    if (!S_ISREG(status.st_mode)) {
        errno = EINVAL;
        return NULL;
    }
    for (;;) {
        char chunk[4096];
        ssize_t length = read(fd, chunk, sizeof(chunk));

        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return NULL;
        if (length == 0)
            break;
        if (text.length + (size_t)length > limit) {
            errno = EFBIG;
            return NULL;
        }
        buffer_add(&text, chunk, (size_t)length);
    }
    result = buffer_take_text(&text);
    if (result == NULL)
        errno = ENOMEM;
    return result;
}

int apparmor_enabled(void)
{
    CLEAN_FREE char *text = apparmor_read_file(AT_FDCWD, ENABLED_FILE, 64);

    return text != NULL && text[0] == 'Y';
}

bool apparmor_list_has(const char *list, const char *name, size_t length)
{
    while (*list != '\0') {
        size_t line = strcspn(list, "\n");

        /* The name itself may have blanks and brackets, so what follows it decides. */
        if (line > length + 2 && memcmp(list, name, length) == 0 && memcmp(list + length, " (", 2) == 0 &&
                list[line - 1] == ')' && memchr(list + length + 2, '(', line - length - 2) == NULL)
            return true;
        list += line;
        list += *list == '\n';
    }
    return false;
}

/* A stack "one//&two" needs both. Profiles of another policy namespace (":ns:name") are not in our list. */
static bool all_loaded(const char *list, const char *profile)
{
    while (profile != NULL) {
        const char *end = strstr(profile, "//&");
        size_t length = end != NULL ? (size_t)(end - profile) : strlen(profile);
        bool unconfined = length == strlen("unconfined") && memcmp(profile, "unconfined", length) == 0;

        if (profile[0] != ':' && !unconfined && !apparmor_list_has(list, profile, length))
            return false;
        profile = end != NULL ? end + strlen("//&") : NULL;
    }
    return true;
}

int apparmor_check(const char *profile, const char *pointer, struct lc_error **err)
{
    struct error_site site = {
        .errnum = ENOTSUP, .stage = "security", .op = "apparmor", .object = profile, .pointer = pointer
    };
    CLEAN_FREE char *list = NULL;

    if (strcmp(profile, "unconfined") == 0)
        return 0;
    if (!apparmor_enabled()) {
        site.hint =
                "boot with \"apparmor=1 security=apparmor\", or take the profile out of the configuration";
        return error_raise(err, &site, "a profile is asked for, but AppArmor is off on this host");
    }
    list = apparmor_read_file(AT_FDCWD, PROFILES_FILE, PROFILES_LIMIT);
    if (list == NULL || all_loaded(list, profile))
        return 0;
    site.hint = strcmp(profile, APPARMOR_DEFAULT_NAME) == 0
                        ? "nsinit apparmor --load"
                        : "apparmor_parser -r FILE loads it; or use " APPARMOR_DEFAULT_NAME
                          ", after: nsinit apparmor --load";
    return error_raise(err, &site, "this AppArmor profile is not loaded");
}
