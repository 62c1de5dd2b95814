/* The pure parts of the cgroups room: no root, no kernel. */
#include "unit.h"

#include "../../src/cgroups/internal.h"

#include <linux/bpf.h>

/* The real table is the config room's; this one is for a program that is linked without it. */
__attribute__((weak)) const char *const config_limit_keys[LIMIT_MAX_] = {
    "memory",
    "memory_swap",
    "memory_reservation",
    "memory_high",
    "cpu_shares",
    "cpu_quota",
    "cpu_period",
    "pids_limit",
    "cpu_burst",
    "io_weight",
};

static void test_cpu_weight(void **state)
{
    static const struct {
        uint64_t shares, weight;
    } rows[] = { { 0, 1 }, { 2, 1 }, { 3, 2 }, { 512, 59 }, { 1024, 100 }, { 262143, 10000 },
        { 262144, 10000 }, { UINT64_MAX, 10000 } };
    uint64_t last = 1;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_int_equal(cgroup_cpu_weight(rows[i].shares), rows[i].weight);
    for (uint64_t shares = 2; shares <= 262144; shares++) {
        uint64_t weight = cgroup_cpu_weight(shares);

        assert_true(weight >= last && weight <= 10000);
        last = weight;
    }
}

struct limits_row {
    enum config_limit limit;
    int version, result;
    const char *file, *value;
};

static void check_limits(const struct config_cgroups *cgroups, const struct limits_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char file[64] = "", value[64] = "";

        assert_int_equal(cgroup_limit_file(cgroups, rows[i].limit, rows[i].version, file, sizeof(file), value,
                                 sizeof(value)),
                rows[i].result);
        if (rows[i].result == 0) {
            assert_string_equal(file, rows[i].file);
            assert_string_equal(value, rows[i].value);
        }
    }
}

static void test_limits(void **state)
{
    const struct config_cgroups cgroups = { .limits = {
                                                    [LIMIT_MEMORY] = { true, 104857600 },
                                                    [LIMIT_MEMORY_SWAP] = { true, 157286400 },
                                                    [LIMIT_MEMORY_RESERVATION] = { true, 52428800 },
                                                    [LIMIT_MEMORY_HIGH] = { true, 94371840 },
                                                    [LIMIT_CPU_SHARES] = { true, 1024 },
                                                    [LIMIT_CPU_QUOTA] = { true, 50000 },
                                                    [LIMIT_CPU_PERIOD] = { true, 200000 },
                                                    [LIMIT_PIDS] = { true, 64 },
                                            } };
    static const struct limits_row rows[] = {
        { LIMIT_MEMORY, 1, 0, "memory.limit_in_bytes", "104857600" },
        { LIMIT_MEMORY, 2, 0, "memory.max", "104857600" },
        { LIMIT_MEMORY_SWAP, 1, 0, "memory.memsw.limit_in_bytes", "157286400" },
        { LIMIT_MEMORY_SWAP, 2, 0, "memory.swap.max", "52428800" },
        { LIMIT_MEMORY_RESERVATION, 1, 0, "memory.soft_limit_in_bytes", "52428800" },
        { LIMIT_MEMORY_RESERVATION, 2, 0, "memory.low", "52428800" },
        { LIMIT_MEMORY_HIGH, 1, -ENOENT, NULL, NULL },
        { LIMIT_MEMORY_HIGH, 2, 0, "memory.high", "94371840" },
        { LIMIT_CPU_SHARES, 1, 0, "cpu.shares", "1024" },
        { LIMIT_CPU_SHARES, 2, 0, "cpu.weight", "100" },
        { LIMIT_CPU_QUOTA, 1, 0, "cpu.cfs_quota_us", "50000" },
        { LIMIT_CPU_QUOTA, 2, 0, "cpu.max", "50000 200000" },
        { LIMIT_CPU_PERIOD, 1, 0, "cpu.cfs_period_us", "200000" },
        { LIMIT_CPU_PERIOD, 2, 0, "cpu.max", "50000 200000" },
        { LIMIT_PIDS, 1, 0, "pids.max", "64" },
        { LIMIT_PIDS, 2, 0, "pids.max", "64" },
    };

    (void)state;
    check_limits(&cgroups, rows, ARRAY_SIZE(rows));
}

static void test_limits_unset(void **state)
{
    const struct config_cgroups none = { .present = true };
    const struct config_cgroups some = { .limits = { [LIMIT_MEMORY] = { true, 4096 },
                                                 [LIMIT_CPU_PERIOD] = { true, 50000 },
                                                 [LIMIT_PIDS] = { true, -1 } } };
    const struct config_cgroups open = {
        .limits = { [LIMIT_MEMORY] = { true, -1 }, [LIMIT_CPU_QUOTA] = { true, -1 } }
    };
    const struct config_cgroups huge = { .limits = { [LIMIT_MEMORY] = { true, INT64_MAX } } };
    const struct config_cgroups swap = { .limits = { [LIMIT_MEMORY_SWAP] = { true, -1 } } };
    static const struct limits_row unset[] = {
        { LIMIT_MEMORY, 1, -ENODATA, NULL, NULL },
        { LIMIT_MEMORY_SWAP, 2, -ENODATA, NULL, NULL },
        { LIMIT_PIDS, 2, -ENODATA, NULL, NULL },
    };
    static const struct limits_row defaults[] = {
        { LIMIT_MEMORY_SWAP, 1, 0, "memory.memsw.limit_in_bytes", "8192" },
        { LIMIT_MEMORY_SWAP, 2, 0, "memory.swap.max", "4096" },
        { LIMIT_CPU_PERIOD, 2, 0, "cpu.max", "max 50000" },
        { LIMIT_PIDS, 1, 0, "pids.max", "max" },
    };
    static const struct limits_row unlimited[] = {
        { LIMIT_MEMORY, 1, 0, "memory.limit_in_bytes", "-1" },
        { LIMIT_MEMORY, 2, 0, "memory.max", "max" },
        { LIMIT_MEMORY_SWAP, 1, 0, "memory.memsw.limit_in_bytes", "-1" },
        { LIMIT_MEMORY_SWAP, 2, 0, "memory.swap.max", "max" },
        { LIMIT_CPU_QUOTA, 1, 0, "cpu.cfs_quota_us", "-1" },
        { LIMIT_CPU_QUOTA, 2, 0, "cpu.max", "max 100000" },
    };

    (void)state;
    check_limits(&none, unset, ARRAY_SIZE(unset));
    check_limits(&some, defaults, ARRAY_SIZE(defaults));
    check_limits(&open, unlimited, ARRAY_SIZE(unlimited));
    check_limits(&huge, &unlimited[2], 2);
    check_limits(&swap, &unlimited[2], 2);
}

static void test_limits_check(void **state)
{
    static const struct {
        struct config_number memory, swap;
        int result;
    } rows[] = {
        { { false, 0 }, { false, 0 }, 0 },
        { { true, 100 }, { true, 100 }, 0 },
        { { true, 100 }, { true, -1 }, 0 },
        { { false, 0 }, { true, -1 }, 0 },
        { { true, 100 }, { true, 99 }, -EINVAL },
        { { false, 0 }, { true, 100 }, -EINVAL },
        { { true, -1 }, { true, 100 }, -EINVAL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct config_cgroups cgroups = {
            .limits = { [LIMIT_MEMORY] = rows[i].memory, [LIMIT_MEMORY_SWAP] = rows[i].swap }
        };
        struct lc_error *err = NULL;

        assert_int_equal(cgroup_limits_check(&cgroups, &err), rows[i].result);
        if (rows[i].result < 0)
            assert_string_equal(error_site(err)->pointer, "/cgroups/memory_swap");
        error_free(err);
    }
}

/* Runs a device program; only the instructions that ours consist of. -1: not a valid program. */
static int interpret(const struct bpf_insn *program, int length, const struct bpf_cgroup_dev_ctx *context)
{
    uint64_t reg[BPF_REG_10 + 1] = { 0 };

    for (int at = 0; at >= 0 && at < length; at++) {
        const struct bpf_insn *insn = &program[at];
        uint64_t imm = (uint64_t)(int64_t)insn->imm;
        uint64_t *dst = &reg[insn->dst_reg];

        switch (insn->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            if (insn->src_reg != BPF_REG_1 || insn->off % 4 != 0 || insn->off > 8)
                return -1;
            *dst = ((const uint32_t *)context)[insn->off / 4];
            break;
        case BPF_ALU64 | BPF_MOV | BPF_X:
            *dst = reg[insn->src_reg];
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            *dst = imm;
            break;
        case BPF_ALU64 | BPF_AND | BPF_K:
            *dst &= imm;
            break;
        case BPF_ALU64 | BPF_RSH | BPF_K:
            *dst >>= imm;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
            at += *dst != imm ? insn->off : 0;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            at += (*dst & imm) != 0 ? insn->off : 0;
            break;
        case BPF_JMP | BPF_JA:
            at += insn->off;
            break;
        case BPF_JMP | BPF_EXIT:
            return reg[BPF_REG_0] <= 1 ? (int)reg[BPF_REG_0] : -1;
        default:
            return -1;
        }
    }
    return -1;
}

enum { R = BPF_DEVCG_ACC_READ, W = BPF_DEVCG_ACC_WRITE, M = BPF_DEVCG_ACC_MKNOD };

struct access_row {
    char type;
    uint32_t major, minor;
    int access, answer;
};

static void check_access(
        const struct config_device_rule *rules, size_t count, const struct access_row *rows, size_t n_rows)
{
    struct bpf_insn program[256];
    int length = cgroup_device_program(rules, count, program, ARRAY_SIZE(program));

    assert_true(length > 0);
    assert_int_equal(cgroup_device_program(rules, count, program, (size_t)length - 1), -E2BIG);
    assert_int_equal(cgroup_device_program(rules, count, program, (size_t)length), length);
    for (size_t i = 0; i < n_rows; i++) {
        uint32_t type = rows[i].type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
        struct bpf_cgroup_dev_ctx context = { (uint32_t)rows[i].access << 16 | type, rows[i].major,
            rows[i].minor };

        if (interpret(program, length, &context) != rows[i].answer)
            fail_msg("%c %u:%u access %d: not %d", rows[i].type, rows[i].major, rows[i].minor, rows[i].access,
                    rows[i].answer);
    }
}

static void test_program_defaults(void **state)
{
    static const struct access_row rows[] = {
        { 'c', 1, 3, R | W, 1 },
        { 'c', 1, 3, M, 1 },
        { 'b', 1, 3, R, 0 },
        { 'c', 1, 1, R, 0 },
        { 'c', 1, 1, M, 1 },
        { 'c', 1, 1, R | M, 0 },
        { 'b', 8, 0, M, 1 },
        { 'b', 8, 0, R, 0 },
        { 'b', 8, 0, W, 0 },
        { 'c', 5, 2, R | W | M, 1 },
        { 'c', 136, 7, R | W, 1 },
        { 'c', 137, 7, R, 0 },
        { 'c', 10, 200, W, 1 },
        { 'c', 10, 229, W, 0 },
        { 'c', 4095, 1048575, R, 0 },
    };
    const struct config_device_rule *rules;
    size_t count;

    (void)state;
    rules = cgroup_default_rules(&count);
    check_access(rules, count, rows, ARRAY_SIZE(rows));
}

static void test_program_order(void **state)
{
    static const struct config_device_rule rules[] = {
        { 'c', 9, 9, "rwm", true }, /* forgotten: stands before the next */
        { 'a', -1, -1, "rwm", false },
        { 'c', 1, -1, "rw", true },
        { 'c', 1, 3, "w", false },
        { 'a', 7, 7, "r", true },
        { 'b', 8, -1, "rwm", true },
        { 'b', 8, 1, "rwm", false },
        { 'c', 1, 4, "", false },
        { 'c', INT64_MAX, 3, "rwm", false },
    };
    static const struct config_device_rule open[] = {
        { 'a', -1, -1, "rwm", true },
        { 'b', -1, -1, "w", false },
    };
    static const struct access_row rows[] = {
        { 'c', 9, 9, R, 0 },
        { 'c', 1, 3, R, 1 },
        { 'c', 1, 3, W, 0 },
        { 'c', 1, 3, R | W, 0 },
        { 'c', 1, 4, R | W, 1 },
        { 'c', 1, 4, R | W | M, 0 },
        { 'c', 7, 7, R, 1 },
        { 'b', 7, 7, R, 1 },
        { 'b', 7, 7, W, 0 },
        { 'b', 8, 0, R | W | M, 1 },
        { 'b', 8, 1, R, 0 },
    };
    static const struct access_row open_rows[] = {
        { 'c', 9, 9, R | W | M, 1 },
        { 'b', 9, 9, R | M, 1 },
        { 'b', 9, 9, R | W, 0 },
    };
    static const struct access_row nothing = { 'c', 1, 3, R, 0 };

    (void)state;
    check_access(rules, ARRAY_SIZE(rules), rows, ARRAY_SIZE(rows));
    check_access(open, ARRAY_SIZE(open), open_rows, ARRAY_SIZE(open_rows));
    check_access(NULL, 0, &nothing, 1);
}

/* Does the v1 text say the same as the program? The kernel's list, acted out here. */
struct v1_lines {
    char text[1024];
};

static int collect_line(void *data, bool allow, const char *line)
{
    struct v1_lines *lines = data;
    size_t used = strlen(lines->text);

    (void)snprintf(lines->text + used, sizeof(lines->text) - used, "%s%s;", allow ? "+" : "-", line);
    return 0;
}

static void test_rules_v1(void **state)
{
    static const struct {
        size_t count;
        struct config_device_rule rules[4];
        int result;
        const char *lines;
    } rows[] = {
        { 0, { { 0 } }, 0, "-a;" },
        { 1, { { 'c', 1, 3, "rwm", true } }, 0, "-a;+c 1:3 rwm;" },
        { 1, { { 'a', -1, -1, "m", true } }, 0, "-a;+c *:* m;+b *:* m;" },
        { 2, { { 'c', 1, 3, "rwm", true }, { 'a', -1, -1, "mrw", false } }, 0, "-a;" },
        { 2, { { 'a', -1, -1, "rwm", true }, { 'b', 8, -1, "w", false } }, 0, "+a;-b 8:* w;" },
        { 2, { { 'c', 1, 3, "rwm", true }, { 'c', 1, -1, "wm", false } }, 0, "-a;+c 1:3 rwm;-c 1:3 wm;" },
        { 2, { { 'c', 1, 3, "r", true }, { 'c', 1, 3, "w", false } }, 0, "-a;+c 1:3 r;" },
        { 2, { { 'c', 1, -1, "rw", true }, { 'c', 1, 3, "w", false } }, -ENOTSUP, NULL },
        { 2, { { 'a', 1, 3, "rw", true }, { 'b', -1, -1, "r", false } }, 0,
                "-a;+c 1:3 rw;+b 1:3 rw;-b 1:3 r;" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct v1_lines lines = { "" };
        size_t culprit = 99;

        assert_int_equal(device_rules_v1(rows[i].rules, rows[i].count, collect_line, &lines, &culprit),
                rows[i].result);
        if (rows[i].lines != NULL)
            assert_string_equal(lines.text, rows[i].lines);
        else
            assert_int_equal(culprit, 1);
    }
}

static void test_rules_collect(void **state)
{
    struct config_device_rule extra = { 'b', 8, -1, "r", true };
    struct config_device devices[] = {
        { .path = "/dev/fuse", .type = 'c', .major = 10, .minor = 229 },
        { .path = "/run/fifo", .type = 'p' },
    };
    struct lc_config config = {
        .devices = devices, .n_devices = 2, .cgroups = { .rules = &extra, .n_rules = 1 }
    };
    CLEAN_FREE struct config_device_rule *rules = NULL;
    size_t count, n_defaults;

    (void)state;
    (void)cgroup_default_rules(&n_defaults);
    assert_int_equal(device_rules_collect(&config, &rules, &count), 0);
    assert_int_equal(count, n_defaults + 2);
    assert_int_equal(rules[n_defaults].type, 'b');
    assert_int_equal(rules[n_defaults + 1].minor, 229);
}

struct lines {
    char text[2048];
};

static int note_line(void *data, const struct limit_line *line)
{
    struct lines *lines = data;
    size_t used = strlen(lines->text);

    (void)snprintf(lines->text + used, sizeof(lines->text) - used, "%s=%s%s%s%s%s%s\n", line->file,
            line->value, line->other_file != NULL ? "|" : "",
            line->other_file != NULL ? line->other_file : "", line->other_file != NULL ? "=" : "",
            line->other_file != NULL ? line->other_value : "", line->optional ? "?" : "");
    return 0;
}

/* The lists of config.json, in both versions. */
static void test_lists(void **state)
{
    struct config_blkio_rule blkio[] = {
        { "/a", BLKIO_READ_BPS, 8, 0, 1048576 },
        { "/b", BLKIO_WRITE_IOPS, 8, 16, 0 },
        { "/c", BLKIO_WEIGHT, 8, 0, 1000 },
    };
    struct config_hugepage pages[] = { { "/d", "2MB", 4194304 }, { "/e", "1GB", UINT64_MAX } };
    struct config_rdma rdma[] = { { "/f", "mlx5_1", { true, 3 }, { false, 0 } } };
    struct config_net_priority priorities[] = { { "eth0", 500 } };
    struct config_pair unified[] = { { "memory.min", "131072" } };
    const struct config_cgroups cgroups = { .oci = true,
        .blkio = blkio,
        .n_blkio = ARRAY_SIZE(blkio),
        .hugepages = pages,
        .n_hugepages = ARRAY_SIZE(pages),
        .rdma = rdma,
        .n_rdma = 1,
        .net_priorities = priorities,
        .n_net_priorities = 1,
        .unified = unified,
        .n_unified = 1,
        .limits = { [LIMIT_BLKIO_WEIGHT] = { true, 750 }, [LIMIT_NET_CLASS] = { true, 1048577 } } };
    struct lines v1 = { "" }, v2 = { "" };

    (void)state;
    assert_int_equal(cgroup_limit_lines(&cgroups, UINT32_MAX, false, note_line, &v1), 0);
    assert_string_equal(v1.text, "blkio.weight=750|blkio.bfq.weight=750\n"
                                 "net_cls.classid=1048577\n"
                                 "blkio.throttle.read_bps_device=8:0 1048576\n"
                                 "blkio.throttle.write_iops_device=8:16 0\n"
                                 "blkio.weight_device=8:0 1000|blkio.bfq.weight_device=8:0 1000\n"
                                 "hugetlb.2MB.limit_in_bytes=4194304\n"
                                 "hugetlb.2MB.rsvd.limit_in_bytes=4194304?\n"
                                 "hugetlb.1GB.limit_in_bytes=-1\n"
                                 "hugetlb.1GB.rsvd.limit_in_bytes=-1?\n"
                                 "rdma.max=mlx5_1 hca_handle=3\n"
                                 "net_prio.ifpriomap=eth0 500\n");
    assert_int_equal(
            cgroup_limit_lines(&cgroups, UINT32_MAX & ~CGROUP_BIT(CGROUP_NET_PRIO), true, note_line, &v2), 0);
    assert_string_equal(v2.text, "io.bfq.weight=750|io.weight=7475\n"
                                 "io.max=8:0 rbps=1048576\n"
                                 "io.max=8:16 wiops=max\n"
                                 "io.bfq.weight=8:0 1000|io.weight=8:0 10000\n"
                                 "hugetlb.2MB.max=4194304\n"
                                 "hugetlb.2MB.rsvd.max=4194304?\n"
                                 "hugetlb.1GB.max=max\n"
                                 "hugetlb.1GB.rsvd.max=max?\n"
                                 "rdma.max=mlx5_1 hca_handle=3\n"
                                 "memory.min=131072\n");
    assert_int_equal(cgroup_io_weight(10), 1);
    assert_int_equal(cgroup_io_weight(1000), 10000);
}

static int note_keys(void *data, const struct limit_line *line)
{
    struct lines *lines = data;
    size_t used = strlen(lines->text);

    (void)snprintf(lines->text + used, sizeof(lines->text) - used, "%s=%s [%s] [%s]\n", line->file,
            line->value, line->key != NULL ? line->key : "", line->neutral != NULL ? line->neutral : "");
    return line->verbatim ? 0 : -EINVAL;
}

/* The kernel takes a line at a time, and each device has to be put back for itself. */
static void test_unified_lines(void **state)
{
    struct config_pair unified[] = { { "io.max", "8:0 rbps=1\n8:16 wiops=2\n" }, { "memory.high", "max" },
        { "misc.max", "sev 3" }, { "cpu.max", "" } };
    const struct config_cgroups cgroups = { .unified = unified, .n_unified = ARRAY_SIZE(unified) };
    struct lines lines = { "" };

    (void)state;
    assert_int_equal(cgroup_limit_lines(&cgroups, 0, true, note_keys, &lines), 0);
    assert_string_equal(lines.text,
            "io.max=8:0 rbps=1 [8:0] [8:0 rbps=max wbps=max riops=max wiops=max]\n"
            "io.max=8:16 wiops=2 [8:16] [8:16 rbps=max wbps=max riops=max wiops=max]\n"
            "memory.high=max [] []\n"
            "misc.max=sev 3 [sev] [sev max]\n"
            "cpu.max= [] []\n");
}

/* Zeros are what engines write for "not set"; unlimited memory takes its swap along. */
static void test_oci_limits(void **state)
{
    struct config_cgroups cgroups = { .oci = true,
        .limits = { [LIMIT_MEMORY] = { true, -1 },
                [LIMIT_CPU_QUOTA] = { true, 0 },
                [LIMIT_PIDS] = { true, 0 },
                [LIMIT_CPU_IDLE] = { true, 0 } } };
    struct lines v1 = { "" }, v2 = { "" };

    (void)state;
    assert_int_equal(cgroup_limit_lines(&cgroups, UINT32_MAX, false, note_line, &v1), 0);
    assert_string_equal(
            v1.text, "memory.limit_in_bytes=-1\nmemory.memsw.limit_in_bytes=-1?\ncpu.idle=0\npids.max=1\n");
    cgroups.limits[LIMIT_MEMORY].value = 4096;
    assert_int_equal(cgroup_limit_lines(&cgroups, UINT32_MAX, true, note_line, &v2), 0);
    assert_string_equal(v2.text, "memory.max=4096\ncpu.idle=0\npids.max=1\n");
}

/* Every conversion at both ends of its range. */
static void test_edges(void **state)
{
    static const struct {
        enum config_limit limit;
        int64_t value;
        const char *v1, *v2; /* the line without the file; NULL: nothing is written */
    } rows[] = {
        { LIMIT_MEMORY, 1, "1", "1" },
        { LIMIT_MEMORY, INT64_MAX, "9223372036854775807", "9223372036854775807" },
        { LIMIT_MEMORY, 0, NULL, NULL },
        { LIMIT_MEMORY_RESERVATION, -1, "-1", "max" },
        { LIMIT_MEMORY_RESERVATION, INT64_MAX, "9223372036854775807", "9223372036854775807" },
        { LIMIT_MEMORY_HIGH, -1, NULL, "max" },
        { LIMIT_MEMORY_SWAPPINESS, 0, "0", NULL },
        { LIMIT_MEMORY_SWAPPINESS, 200, "200", NULL },
        { LIMIT_MEMORY_KERNEL_TCP, -1, "-1", NULL },
        { LIMIT_MEMORY_KERNEL, 4096, NULL, NULL },
        { LIMIT_CPU_SHARES, 0, NULL, NULL },
        { LIMIT_CPU_SHARES, 2, "2", "1" },
        { LIMIT_CPU_SHARES, 3, "3", "2" },
        { LIMIT_CPU_SHARES, 1024, "1024", "100" },
        { LIMIT_CPU_SHARES, 262144, "262144", "10000" },
        { LIMIT_CPU_IDLE, 0, "0", "0" },
        { LIMIT_CPU_IDLE, 1, "1", "1" },
        { LIMIT_CPU_BURST, 0, "0", "0" },
        { LIMIT_CPU_BURST, INT64_MAX, "9223372036854775807", "9223372036854775807" },
        { LIMIT_CPU_QUOTA, -1, "-1", "max 100000" },
        { LIMIT_CPU_QUOTA, 1000, "1000", "1000 100000" },
        { LIMIT_CPU_QUOTA, INT64_MAX, "9223372036854775807", "9223372036854775807 100000" },
        { LIMIT_CPU_PERIOD, 1000, "1000", "max 1000" },
        { LIMIT_CPU_PERIOD, 1000000, "1000000", "max 1000000" },
        { LIMIT_CPU_RT_PERIOD, 1, "1", NULL },
        { LIMIT_CPU_RT_RUNTIME, -1, "-1", NULL },
        { LIMIT_PIDS, 0, "1", "1" },
        { LIMIT_PIDS, 1, "1", "1" },
        { LIMIT_PIDS, -1, "max", "max" },
        { LIMIT_PIDS, 4194304, "4194304", "4194304" },
        { LIMIT_BLKIO_WEIGHT, 10, "10|blkio.bfq.weight=10", "10|io.weight=1" },
        { LIMIT_BLKIO_WEIGHT, 500, "500|blkio.bfq.weight=500", "500|io.weight=4950" },
        { LIMIT_BLKIO_WEIGHT, 1000, "1000|blkio.bfq.weight=1000", "1000|io.weight=10000" },
        { LIMIT_BLKIO_LEAF_WEIGHT, 1000, "1000", NULL },
        { LIMIT_NET_CLASS, UINT32_MAX, "4294967295", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows) * 2; i++) {
        const char *wanted = i % 2 == 0 ? rows[i / 2].v1 : rows[i / 2].v2, *found;
        struct config_cgroups cgroups = { .oci = true };
        struct lines lines = { "" };

        cgroups.limits[rows[i / 2].limit] = (struct config_number){ true, rows[i / 2].value };
        assert_int_equal(cgroup_limit_lines(&cgroups, UINT32_MAX, i % 2 != 0, note_line, &lines), 0);
        lines.text[strcspn(lines.text, "\n?")] = '\0';
        found = strchr(lines.text, '=');
        if (wanted == NULL)
            assert_string_equal(lines.text, "");
        else
            assert_string_equal(found != NULL ? found + 1 : lines.text, wanted);
    }
}

/* v1 counts memory and swap together, v2 swap alone; container.json gives as much swap as memory, unless it would overflow. */
static void test_swap(void **state)
{
    static const struct {
        bool oci;
        struct config_number memory, swap;
        const char *v1, *v2;
    } rows[] = {
        { true, { true, 100 }, { true, 100 }, "100", "0" },
        { true, { true, 100 }, { true, 150 }, "150", "50" },
        { true, { true, 100 }, { true, -1 }, "-1", "max" },
        { true, { true, -1 }, { false, 0 }, "-1", "max" },
        { true, { true, -1 }, { true, -1 }, "-1", "max" },
        { true, { true, INT64_MAX }, { true, INT64_MAX }, "9223372036854775807", "0" },
        { false, { true, 100 }, { false, 0 }, "200", "100" },
        { false, { true, INT64_MAX / 2 }, { false, 0 }, "9223372036854775806", "4611686018427387903" },
        { false, { true, INT64_MAX / 2 + 1 }, { false, 0 }, "-1", "max" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows) * 2; i++) {
        int version = 1 + (int)(i % 2);
        struct config_cgroups cgroups = { .oci = rows[i / 2].oci };
        char file[64], value[64] = "";

        cgroups.limits[LIMIT_MEMORY] = rows[i / 2].memory;
        cgroups.limits[LIMIT_MEMORY_SWAP] = rows[i / 2].swap;
        assert_int_equal(cgroup_limit_file(&cgroups, LIMIT_MEMORY_SWAP, version, file, sizeof(file), value,
                                 sizeof(value)),
                0);
        assert_string_equal(value, version == 1 ? rows[i / 2].v1 : rows[i / 2].v2);
    }
}

static void test_layout(void **state)
{
    struct layout layout;

    (void)state;
    assert_int_equal(
            layout_parse(&layout, strdup("9:name=systemd:/\n4:cpu,cpuacct:/a:b\n3:pids:/\n0::/user.slice\n")),
            0);
    assert_int_equal(layout.n_v1, 3);
    assert_string_equal(layout.v1[0].names, "name=systemd");
    assert_int_equal(layout.v1[0].controllers, 0);
    assert_int_equal(layout.v1[1].controllers, CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_CPUACCT));
    assert_string_equal(layout.v1[1].path, "/a:b");
    assert_int_equal(layout.v1[2].controllers, CGROUP_BIT(CGROUP_PIDS));
    assert_string_equal(layout.v2_path, "/user.slice");
    layout_done(&layout);
    assert_int_equal(layout_parse(&layout, strdup("")), 0);
    assert_null(layout.v2_path);
    layout_done(&layout);
    assert_int_equal(layout_parse(&layout, strdup("rubbish\n")), -EPROTO);
    assert_int_equal(cgroup_controllers_parse("cpuset cpu io memory\n"),
            CGROUP_BIT(CGROUP_CPUSET) | CGROUP_BIT(CGROUP_CPU) | CGROUP_BIT(CGROUP_MEMORY) |
                    CGROUP_BIT(CGROUP_BLKIO));
}

static void test_mountinfo(void **state)
{
    static const char text[] =
            "24 1 0:22 / /proc rw - proc proc rw\n"
            "bad line\n"
            "33 31 0:30 / /cg/cpu\\040acct rw,relatime shared:9 master:1 - cgroup none rw,cpuacct,cpu\n"
            "40 31 0:37 / /cg/systemd rw - cgroup cgroup rw,name=systemd\n"
            "41 31 0:38 /x /back\\134slash rw - cgroup2 cgroup2 rw,nsdelegate";
    static const struct {
        const char *type, *option, *mount;
    } rows[] = {
        { "cgroup", "cpu", "/cg/cpu acct" },
        { "cgroup", "cpuacct", "/cg/cpu acct" },
        { "cgroup", "name=systemd", "/cg/systemd" },
        { "cgroup2", NULL, "/back\\slash" },
        { "cgroup", "memory", NULL },
        { "cgroup", "name=sys", NULL },
        { "tmpfs", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEAN_FREE char *mount = NULL;

        assert_int_equal(layout_mountinfo_find(text, rows[i].type, rows[i].option, &mount),
                rows[i].mount != NULL ? 0 : -ENOENT);
        if (rows[i].mount != NULL)
            assert_string_equal(mount, rows[i].mount);
    }
}

static void test_small_parts(void **state)
{
    (void)state;
    assert_true(cpuset_same("0-2,4", "0,1,2,4"));
    assert_true(cpuset_same("1,0", "0-1\n"));
    assert_false(cpuset_same("0-2", "0-1"));
    assert_false(cpuset_same("0", "0-1"));
    assert_false(cpuset_same("0-4294967295", "0-1"));
    assert_true(cgroup_is_below("/sys/fs/cgroup/a", "/sys/fs/cgroup"));
    assert_true(cgroup_is_below("/sys/fs/cgroup/..a/b..", "/sys/fs/cgroup"));
    assert_false(cgroup_is_below("/sys/fs/cgroup", "/sys/fs/cgroup"));
    assert_false(cgroup_is_below("/sys/fs/cgroup/", "/sys/fs/cgroup"));
    assert_false(cgroup_is_below("/sys/fs/cgroups/a", "/sys/fs/cgroup"));
    assert_false(cgroup_is_below("/sys/fs/cgroup/a/../../b", "/sys/fs/cgroup"));
    assert_false(cgroup_is_below("/sys/fs/cgroup/..", "/sys/fs/cgroup"));
}

static void test_plan_names(void **state)
{
    static const struct {
        const char *parent, *name, *fallback, *pointer;
    } rows[] = {
        { "..", "x", NULL, "/cgroups/parent" },
        { "a/../../b", "x", NULL, "/cgroups/parent" },
        { "a/.", "x", NULL, "/cgroups/parent" },
        { "a\nb", "x", NULL, "/cgroups/parent" },
        { NULL, "..", NULL, "/cgroups/name" },
        { NULL, "a/b", NULL, "/cgroups/name" },
        { NULL, "", NULL, "/cgroups/name" },
        { NULL, NULL, NULL, "/cgroups/name" },
        { "a", NULL, "..", "/cgroups/name" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct lc_config config = {
            .cgroups = { .present = true, .parent = rows[i].parent, .name = rows[i].name }
        };
        struct cgroup_set set;
        struct lc_error *err = NULL;

        assert_int_equal(cgroup_plan(&config, rows[i].fallback, &set, &err), -EINVAL);
        assert_string_equal(error_site(err)->pointer, rows[i].pointer);
        error_free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_weight),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limits_unset),
        cmocka_unit_test(test_limits_check),
        cmocka_unit_test(test_program_defaults),
        cmocka_unit_test(test_program_order),
        cmocka_unit_test(test_rules_v1),
        cmocka_unit_test(test_rules_collect),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_unified_lines),
        cmocka_unit_test(test_oci_limits),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_mountinfo),
        cmocka_unit_test(test_small_parts),
        cmocka_unit_test(test_plan_names),
    };

    return cmocka_run_group_tests_name("cgroups", tests, NULL, NULL);
}
