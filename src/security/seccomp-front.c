/* What stands before libseccomp's program: per architecture a binary tree over ranges of numbers with the same answer.
 * Profiles allow nearly everything in long runs, so a few dozen comparisons say what libseccomp needs a thousand for.
 * That counts twice: the kernel tries every system call out when a filter is loaded (and then needs no filter for those
 * that are always allowed), and checks and compiles the program, in every start. Only loads of `nr` and `arch`, jumps
 * and returns, so that it can. */
#include "seccomp-internal.h"

#include <base/util.h>

#include <seccomp.h>

#include <stddef.h>
#include <string.h>

#define X32_BIT 0x40000000
#define SHORT_JUMP 255
#define ANSWER_ENOSYS (SECCOMP_RET_ERRNO | ENOSYS)

/* Most called by far: they pull their ranges towards the root of the tree, for kernels that run the filter every time. */
static const char *const often[] = { "read", "write", "close", "futex", "epoll_wait", "epoll_pwait",
    "recvfrom", "sendto", "recvmsg", "sendmsg", "fstat", "newfstatat", "openat", "mmap", "munmap", "poll",
    "ppoll", "ioctl", "clock_gettime", "rt_sigprocmask", "lseek", "readv", "writev", "pread64", "pwrite64",
    "brk", "getpid", "fcntl" };
#define OFTEN_WEIGHT 64

/* All numbers from `first` to the next range. */
struct range {
    uint32_t first, action, weight;
};
struct ranges {
    struct range *list;
    size_t count;
};

static void emit(struct seccomp_code *code, uint16_t op, uint8_t jt, uint8_t jf, uint32_t k)
{
    if (code->count == ARRAY_SIZE(code->insns)) {
        code->full = true;
        return;
    }
    code->insns[code->count++] = (struct sock_filter){ op, jt, jf, k };
}

static void emit_load(struct seccomp_code *code, size_t offset)
{
    emit(code, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/* A jump over what follows; jump_here says where it ends. */
static size_t emit_jump(struct seccomp_code *code)
{
    emit(code, BPF_JMP | BPF_JA, 0, 0, 0);
    return code->count - 1;
}

static void jump_here(struct seccomp_code *code, size_t jump)
{
    if (!code->full)
        code->insns[jump].k = (uint32_t)(code->count - jump - 1);
}

static void range_add(struct ranges *ranges, uint32_t first, uint32_t action)
{
    if (ranges->count > 0 && ranges->list[ranges->count - 1].first == first)
        ranges->count--;
    if (ranges->count > 0 && ranges->list[ranges->count - 1].action == action)
        return;
    ranges->list[ranges->count++] = (struct range){ first, action, 1 };
}

static void weigh(const struct seccomp_table *table, struct ranges *ranges)
{
    for (size_t i = 0; i < ARRAY_SIZE(often); i++) {
        int number = seccomp_syscall_resolve_name_arch(table->arch, often[i]);
        size_t at = ranges->count;

        while (number >= 0 && at > 0 && ranges->list[at - 1].first > (uint32_t)number)
            at--;
        if (number >= 0 && at > 0)
            ranges->list[at - 1].weight += OFTEN_WEIGHT;
    }
}

/* Three at most for every number of the table, and the first and the last one. */
static size_t ranges_room(const struct seccomp_table *table)
{
    return 3 * table->count + 3;
}

static void ranges_make(const struct seccomp_table *table, struct ranges *ranges)
{
    range_add(ranges, 0, table->unnamed);
    for (size_t i = 0; i < table->count; i++) {
        range_add(ranges, table->list[i].number, table->list[i].action);
        range_add(ranges, table->list[i].number + 1, table->unnamed);
    }
    if (table->above_known)
        range_add(ranges, table->highest + 1, ANSWER_ENOSYS);
    weigh(table, ranges);
}

/* Where the weights on both sides are as equal as can be; at least one range on each. */
static size_t best_split(const struct range *list, size_t count)
{
    uint64_t total = 0, left = 0;
    size_t at = 0;

    for (size_t i = 0; i < count; i++)
        total += list[i].weight;
    do
        left += list[at++].weight;
    while (at + 1 < count && 2 * left + list[at].weight <= total);
    return at;
}

/* A part of the tree that waits while the part before it is written. */
struct pending {
    const struct range *list;
    size_t count;
    size_t branch; /* the comparison, or the jump behind it, that leads here */
};

/* As many ranges as share their answers: from all their comparisons these can be reached by a short jump. */
#define BLOCK_RANGES 192
#define BLOCK_ANSWERS (SHORT_JUMP - BLOCK_RANGES)

/* A side of a comparison that is decided: its answer is written behind all comparisons, once for all of them. */
struct decided {
    size_t branch;
    bool holds;
    uint32_t action;
};
struct block {
    struct decided list[2 * BLOCK_RANGES];
    size_t count;
    struct pending stack[BLOCK_RANGES];
};

static void decide(struct block *block, size_t branch, bool holds, const struct range *range)
{
    block->list[block->count++] = (struct decided){ branch, holds, range->action };
}

static void emit_comparisons(
        struct seccomp_code *code, struct block *block, const struct range *list, size_t count)
{
    struct pending now = { list, count, 0 };
    size_t n_stack = 0;

    block->count = 0;
    for (;;) {
        size_t split = best_split(now.list, now.count), here = code->count;

        emit(code, BPF_JMP | BPF_JGE | BPF_K, 0, 0, now.list[split].first);
        if (now.count - split == 1)
            decide(block, here, true, &now.list[split]);
        else
            block->stack[n_stack++] = (struct pending){ now.list + split, now.count - split, here };
        if (split > 1) {
            now.count = split; /* what comes next */
            continue;
        }
        decide(block, here, false, now.list);
        if (n_stack == 0)
            return;
        now = block->stack[--n_stack];
        if (!code->full)
            code->insns[now.branch].jt = (uint8_t)(code->count - now.branch - 1);
    }
}

/* How many different answers the first `count` ranges have, as far as it matters. */
static bool few_answers(const struct range *list, size_t count)
{
    uint32_t known[BLOCK_ANSWERS];
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        size_t at = 0;

        while (at < n && known[at] != list[i].action)
            at++;
        if (at == n && n == BLOCK_ANSWERS)
            return false;
        if (at == n)
            known[n++] = list[i].action;
    }
    return true;
}

/* `ends`: the jumps to the rest, to be given their distance when it is known; returns how many. */
static size_t emit_answer(struct seccomp_code *code, uint32_t action, size_t *ends)
{
    if (action != SECCOMP_TO_REST) {
        emit(code, BPF_RET | BPF_K, 0, 0, action);
        return 0;
    }
    *ends = emit_jump(code);
    return 1;
}

static size_t emit_block(
        struct seccomp_code *code, struct block *block, const struct range *list, size_t count, size_t *ends)
{
    size_t n_ends = 0;

    if (count == 1)
        return emit_answer(code, list->action, ends);
    emit_comparisons(code, block, list, count);
    for (size_t i = 0; i < block->count && !code->full; i++) {
        uint32_t action = block->list[i].action;
        size_t here = code->count;
        bool first = true;

        for (size_t j = 0; j < i && first; j++)
            first = block->list[j].action != action;
        if (!first)
            continue;
        n_ends += emit_answer(code, action, ends + n_ends);
        for (size_t j = i; j < block->count; j++) {
            struct decided *side = &block->list[j];
            uint8_t distance = (uint8_t)(here - side->branch - 1);

            if (side->action == action && side->holds)
                code->insns[side->branch].jt = distance;
            else if (side->action == action)
                code->insns[side->branch].jf = distance;
        }
    }
    return n_ends;
}

/* Big trees are cut into blocks, from one to the other by far jumps. Returns the number of `ends`. */
static size_t emit_tree(struct seccomp_code *code, const struct ranges *ranges, struct pending *stack,
        struct block *block, size_t *ends)
{
    size_t n_stack = 0, n_ends = 0;
    struct pending now = { ranges->list, ranges->count, 0 };

    for (;;) {
        while (now.count > 1 && (now.count > BLOCK_RANGES || !few_answers(now.list, now.count))) {
            size_t split = best_split(now.list, now.count);

            emit(code, BPF_JMP | BPF_JGE | BPF_K, 0, 1, now.list[split].first);
            stack[n_stack++] = (struct pending){ now.list + split, now.count - split, emit_jump(code) };
            now.count = split;
        }
        n_ends += emit_block(code, block, now.list, now.count, ends + n_ends);
        if (n_stack == 0)
            return n_ends;
        now = stack[--n_stack];
        jump_here(code, now.branch);
    }
}

/* 0 or -ENOMEM. After it all paths have returned or jumped, most of them to the end that `ends` waits for. */
static int emit_table(
        struct seccomp_code *code, const struct seccomp_table *table, size_t *ends, size_t *n_ends)
{
    size_t room = ranges_room(table);
    CLEAN_FREE struct range *list = calloc(room, sizeof(*list));
    CLEAN_FREE struct pending *stack = calloc(room, sizeof(*stack));
    CLEAN_FREE struct block *block = calloc(1, sizeof(*block));
    struct ranges ranges = { list, 0 };

    if (list == NULL || stack == NULL || block == NULL)
        return -ENOMEM;
    ranges_make(table, &ranges);
    *n_ends += emit_tree(code, &ranges, stack, block, ends + *n_ends);
    return 0;
}

static const struct seccomp_table *find_table(const struct seccomp_rules *rules, uint32_t arch)
{
    for (size_t i = 0; i < rules->n_tables; i++)
        if (rules->tables[i].arch == arch)
            return &rules->tables[i];
    return NULL;
}

/* x86_64 and x32 are one architecture for the kernel, with a bit in the number. Where x32 is not listed, its numbers go to
 * libseccomp, which answers them as those of a foreign architecture. */
static int emit_x86_64(struct seccomp_code *code, const struct seccomp_rules *rules,
        const struct seccomp_table *table, size_t *ends, size_t *n_ends)
{
    const struct seccomp_table *x32 = find_table(rules, SCMP_ARCH_X32);
    size_t jump;
    int r;

    emit(code, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
    jump = emit_jump(code);
    r = emit_table(code, table, ends, n_ends);
    jump_here(code, jump);
    if (r == 0 && x32 != NULL)
        return emit_table(code, x32, ends, n_ends);
    ends[(*n_ends)++] = emit_jump(code);
    return r;
}

static size_t all_ranges(const struct seccomp_rules *rules)
{
    size_t room = 1;

    for (size_t i = 0; i < rules->n_tables; i++)
        room += ranges_room(&rules->tables[i]) + 1;
    return room;
}

int seccomp_front_add(const struct seccomp_rules *rules, struct seccomp_code *code)
{
    CLEAN_FREE size_t *ends = calloc(all_ranges(rules), sizeof(*ends));
    size_t n_ends = 0;

    if (ends == NULL)
        return -ENOMEM;
    emit_load(code, offsetof(struct seccomp_data, arch));
    for (size_t i = 0; i < rules->n_tables; i++) {
        const struct seccomp_table *table = &rules->tables[i];
        size_t jump;
        int r;

        /* Beside x86_64, which is native wherever x32 is. */
        if (table->arch == SCMP_ARCH_X32)
            continue;
        emit(code, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, table->arch);
        jump = emit_jump(code);
        emit_load(code, offsetof(struct seccomp_data, nr));
        r = table->arch == SCMP_ARCH_X86_64 ? emit_x86_64(code, rules, table, ends, &n_ends)
                                            : emit_table(code, table, ends, &n_ends);
        if (r < 0)
            return r;
        jump_here(code, jump);
    }
    for (size_t i = 0; i < n_ends; i++)
        jump_here(code, ends[i]);
    return 0;
}
