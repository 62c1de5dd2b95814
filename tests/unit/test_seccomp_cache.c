/* What is compiled once is found again; what somebody else may have written is not believed. */
#include "seccomp_profile.h"
#include "tree.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <time.h>

static double now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static struct seccomp_filter get_cached(int directory, const struct config_seccomp *profile, double *ret_time)
{
    double start = now();
    struct lc_error *error = NULL;
    struct seccomp_filter filter;

    if (seccomp_filter_get(directory, profile, &filter, &error) < 0)
        fail_msg("%s", error_format(error));
    *ret_time = now() - start;
    return filter;
}

static bool same_filter(const struct seccomp_filter *one, const struct seccomp_filter *other)
{
    return one->length == other->length && memcmp(one->program, other->program, one->length) == 0 &&
           one->flags == other->flags && one->notifies == other->notifies;
}

struct cache {
    struct tree tree;
    struct filter filter;
    int directory; /* .seccomp */
    char entry[256];
    off_t size;
};

static void find_entry(struct cache *cache)
{
    DIR *list = fdopendir(dup(cache->directory));
    struct dirent *entry;
    struct stat st;

    assert_non_null(list);
    rewinddir(list);
    while ((entry = readdir(list)) != NULL)
        if (entry->d_name[0] != '.')
            (void)snprintf(cache->entry, sizeof(cache->entry), "%s", entry->d_name);
    (void)closedir(list);
    assert_int_equal(strlen(cache->entry), 16);
    assert_int_equal(fstatat(cache->directory, cache->entry, &st, AT_SYMLINK_NOFOLLOW), 0);
    cache->size = st.st_size;
}

static void cache_open(struct cache *cache)
{
    struct seccomp_filter first;
    double time;

    *cache = (struct cache){ 0 };
    tree_make(&cache->tree);
    filter_from(&cache->filter, docker);
    first = get_cached(cache->tree.root, &cache->filter.profile, &time);
    assert_true(same_filter(&first, &cache->filter.made));
    seccomp_filter_done(&first);
    cache->directory = openat(cache->tree.root, ".seccomp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(cache->directory >= 0);
    find_entry(cache);
}

static void cache_close(struct cache *cache)
{
    (void)close(cache->directory);
    filter_done(&cache->filter);
    tree_remove(&cache->tree);
}

static int compare_doubles(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;

    return (a > b) - (a < b);
}

static void test_cached_is_faster(void **state)
{
    double cached[51] = { 0 }, compiled[51] = { 0 };
    struct cache cache;

    (void)state;
    cache_open(&cache);
    for (size_t i = 0; i < ARRAY_SIZE(cached); i++) {
        struct seccomp_filter one = get_cached(cache.tree.root, &cache.filter.profile, &cached[i]);
        struct seccomp_filter other = get_cached(-1, &cache.filter.profile, &compiled[i]);

        assert_true(same_filter(&one, &other));
        seccomp_filter_done(&one);
        seccomp_filter_done(&other);
    }
    qsort(cached, ARRAY_SIZE(cached), sizeof(cached[0]), compare_doubles);
    qsort(compiled, ARRAY_SIZE(compiled), sizeof(compiled[0]), compare_doubles);
    print_message("cached %.0f us, compiled %.0f us: ratio %.3f\n", cached[25], compiled[25],
            cached[25] / compiled[25]);
    assert_true(cached[25] < compiled[25]);
    cache_close(&cache);
}

/* Overwrites `length` bytes at `at`, from the end when negative. */
static void damage(const struct cache *cache, off_t at, const void *bytes, size_t length)
{
    int fd = openat(cache->directory, cache->entry, O_RDWR | O_CLOEXEC);
    struct stat st;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pwrite(fd, bytes, length, at < 0 ? st.st_size + at : at), length);
    (void)close(fd);
}

static void poison_program(const struct cache *cache)
{
    const struct sock_filter allow = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };

    damage(cache, -(off_t)sizeof(allow), &allow, sizeof(allow));
}

static void poison_flags(const struct cache *cache)
{
    const uint32_t none = 0;

    damage(cache, 32, &none, sizeof(none));
}

static void poison_key(const struct cache *cache)
{
    damage(cache, 50, "x", 1);
}

static void poison_length(const struct cache *cache)
{
    const uint64_t length = (uint64_t)1 << 40;

    damage(cache, 16, &length, sizeof(length));
}

static void poison_magic(const struct cache *cache)
{
    damage(cache, 0, "x", 1);
}

static void poison_cut(const struct cache *cache)
{
    int fd = openat(cache->directory, cache->entry, O_RDWR | O_CLOEXEC);

    assert_int_equal(ftruncate(fd, 100), 0);
    (void)close(fd);
}

static void poison_empty(const struct cache *cache)
{
    int fd = openat(cache->directory, cache->entry, O_RDWR | O_TRUNC | O_CLOEXEC);

    assert_true(fd >= 0);
    (void)close(fd);
}

/* The remaining ones hold a good program, made wrong by who could have written it. */
static void poison_mode(const struct cache *cache)
{
    assert_int_equal(fchmodat(cache->directory, cache->entry, 0666, 0), 0);
}

static void poison_owner(const struct cache *cache)
{
    if (geteuid() == 0)
        assert_int_equal(fchownat(cache->directory, cache->entry, 12345, 0, 0), 0);
    else
        poison_mode(cache);
}

/* A good entry of another profile, whose name happens to be the same. */
static void poison_other(const struct cache *cache)
{
    static const char profile[] = ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_LOG'}");
    char moved[] = "moved", name[256] = "";
    struct seccomp_filter filter;
    struct filter other;
    struct dirent *entry;
    double time;
    DIR *list;

    assert_int_equal(renameat(cache->directory, cache->entry, cache->tree.root, moved), 0);
    filter_from(&other, profile);
    filter = get_cached(cache->tree.root, &other.profile, &time);
    seccomp_filter_done(&filter);
    filter_done(&other);
    list = fdopendir(dup(cache->directory));
    assert_non_null(list);
    rewinddir(list);
    while ((entry = readdir(list)) != NULL)
        if (entry->d_name[0] != '.')
            (void)snprintf(name, sizeof(name), "%s", entry->d_name);
    (void)closedir(list);
    assert_int_equal(renameat(cache->directory, name, cache->directory, cache->entry), 0);
}

static void poison_link(const struct cache *cache)
{
    assert_int_equal(linkat(cache->directory, cache->entry, cache->tree.outside, "linked", 0), 0);
}

static void poison_symlink(const struct cache *cache)
{
    assert_int_equal(renameat(cache->directory, cache->entry, cache->tree.outside, "moved"), 0);
    assert_int_equal(symlinkat("../../outside/moved", cache->directory, cache->entry), 0);
}

static void poison_fifo(const struct cache *cache)
{
    assert_int_equal(unlinkat(cache->directory, cache->entry, 0), 0);
    assert_int_equal(mkfifoat(cache->directory, cache->entry, 0600), 0);
}

static void poison_directory_mode(const struct cache *cache)
{
    poison_mode(cache);
    assert_int_equal(fchmod(cache->directory, 0777), 0);
}

static void test_poisoned_is_not_believed(void **state)
{
    static void (*const poisons[])(const struct cache *) = { poison_program, poison_flags, poison_key,
        poison_length, poison_magic, poison_cut, poison_empty, poison_mode, poison_owner, poison_link,
        poison_symlink, poison_fifo, poison_other, poison_directory_mode };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(poisons); i++) {
        struct seccomp_filter filter;
        struct cache cache;
        struct stat st;
        double time;

        cache_open(&cache);
        poisons[i](&cache);
        filter = get_cached(cache.tree.root, &cache.filter.profile, &time);
        if (!same_filter(&filter, &cache.filter.made))
            fail_msg("poison %zu was believed", i);
        seccomp_filter_done(&filter);
        /* And is replaced by a good one, where the directory can be used at all. */
        assert_int_equal(fstatat(cache.directory, cache.entry, &st, AT_SYMLINK_NOFOLLOW), 0);
        if (poisons[i] != poison_directory_mode)
            assert_true(S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600 && st.st_uid == geteuid() &&
                        st.st_size == cache.size);
        cache_close(&cache);
    }
}

/* What the program is made from makes the name; order of rules included. */
static void test_every_word_counts(void **state)
{
    static const char *const profiles[] = {
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_LOG'}"),
        ALLOW_BUT("{'names':['read','write'],'action':'SCMP_ACT_LOG'}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_LOG'},{'names':['write'],'action':'SCMP_ACT_LOG'}"),
        ALLOW_BUT("{'names':['write'],'action':'SCMP_ACT_LOG'},{'names':['read'],'action':'SCMP_ACT_LOG'}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_ERRNO'}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_ERRNO','errnoRet':0}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_ERRNO','args':[{'index':0,'value':1,'op':'SCMP_CMP_"
                  "EQ'}]}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_ERRNO','args':[{'index':1,'value':1,'op':'SCMP_CMP_"
                  "EQ'}]}"),
        ALLOW_BUT("{'names':['read'],'action':'SCMP_ACT_ERRNO','args':[{'index':1,'value':1,'op':'SCMP_CMP_"
                  "NE'}]}"),
        ALLOW_BUT(
                "{'names':['read'],'action':'SCMP_ACT_ERRNO','args':[{'index':1,'value':1,'valueTwo':1,'op':"
                "'SCMP_CMP_NE'}]}"),
        "{'defaultAction':'SCMP_ACT_LOG','syscalls':[{'names':['read'],'action':'SCMP_ACT_LOG'}]}",
        "{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_X86'],'syscalls':[{'names':['read'],'"
        "action':"
        "'SCMP_ACT_LOG'}]}",
    };
    struct cache cache;
    size_t count = 0;
    DIR *list;

    (void)state;
    cache_open(&cache);
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
        struct seccomp_filter filter;
        struct filter one;
        double time;

        filter_from(&one, profiles[i]);
        filter = get_cached(cache.tree.root, &one.profile, &time);
        assert_true(same_filter(&filter, &one.made));
        seccomp_filter_done(&filter);
        filter_done(&one);
    }
    list = fdopendir(dup(cache.directory));
    assert_non_null(list);
    rewinddir(list);
    for (struct dirent *entry; (entry = readdir(list)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(list);
    assert_int_equal(count, ARRAY_SIZE(profiles) + 1);
    cache_close(&cache);
}

/* Without the text being read; a listener takes more than its program. */
static void test_found_by_text(void **state)
{
    static const char notifies[] = "{'defaultAction':'SCMP_ACT_ALLOW','listenerPath':'/l','syscalls':["
                                   "{'names':['mkdir'],'action':'SCMP_ACT_NOTIFY'}]}";
    struct seccomp_filter filter;
    struct cache cache;
    struct filter listening;
    double time;

    (void)state;
    cache_open(&cache);
    assert_int_equal(seccomp_filter_find(cache.tree.root, docker, strlen(docker), &filter), 0);
    assert_true(same_filter(&filter, &cache.filter.made));
    seccomp_filter_done(&filter);
    assert_true(seccomp_filter_find(cache.tree.root, docker, strlen(docker) - 1, &filter) < 0);
    assert_true(seccomp_filter_find(-1, docker, strlen(docker), &filter) < 0);
    filter_from(&listening, notifies);
    for (int i = 0; i < 2; i++) {
        filter = get_cached(cache.tree.root, &listening.profile, &time);
        assert_true(same_filter(&filter, &listening.made));
        seccomp_filter_done(&filter);
        assert_true(seccomp_filter_find(cache.tree.root, notifies, strlen(notifies), &filter) < 0);
    }
    filter_done(&listening);
    cache_close(&cache);
}

static void test_bounded(void **state)
{
    struct cache cache;
    size_t count = 0;
    DIR *list;

    (void)state;
    cache_open(&cache);
    for (int i = 0; i < 70; i++) {
        struct seccomp_filter filter;
        struct filter one;
        char text[160];
        double time;

        (void)snprintf(text, sizeof(text),
                ALLOW_BUT("{'names':['getppid'],'action':'SCMP_ACT_ERRNO','errnoRet':%d}"), i);
        filter_from(&one, text);
        filter = get_cached(cache.tree.root, &one.profile, &time);
        seccomp_filter_done(&filter);
        filter_done(&one);
    }
    list = fdopendir(dup(cache.directory));
    assert_non_null(list);
    rewinddir(list);
    for (struct dirent *entry; (entry = readdir(list)) != NULL;)
        count += entry->d_name[0] != '.';
    (void)closedir(list);
    assert_int_equal(count, 64);
    assert_int_equal(faccessat(cache.directory, cache.entry, F_OK, 0), -1); /* the oldest */
    cache_close(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cached_is_faster),
        cmocka_unit_test(test_poisoned_is_not_believed),
        cmocka_unit_test(test_every_word_counts),
        cmocka_unit_test(test_found_by_text),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
