/* Assembles the eBPF program that is the device filter of cgroup v2. Pure.
 *
 * The kernel asks with a type (char or block), numbers, and a set of accesses. The last rule that matches
 * decides, for each access on its own. So the rules are tried from the last to the first: one that allows
 * takes its accesses off the set, and an empty set means yes; one that denies any access still in the set
 * means no. At the end: no. */
#include "internal.h"

#include <errno.h>
#include <linux/bpf.h>

enum {
    ANSWER = BPF_REG_0,
    CONTEXT = BPF_REG_1,
    TYPE = BPF_REG_2,
    ACCESS = BPF_REG_3,
    MAJOR = BPF_REG_4,
    MINOR = BPF_REG_5,
};

struct assembler {
    struct bpf_insn *program;
    size_t capacity, count;
};

/* Counts on beyond the capacity, so that the caller sees that it was too small. */
static void put(struct assembler *as, struct bpf_insn insn)
{
    if (as->count < as->capacity)
        as->program[as->count] = insn;
    as->count++;
}

static void put_load(struct assembler *as, int reg, size_t offset)
{
    put(as, (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_W,
                    .dst_reg = reg,
                    .src_reg = CONTEXT,
                    .off = (int16_t)offset });
}

static void put_alu(struct assembler *as, int op, int reg, int32_t value)
{
    put(as, (struct bpf_insn){ .code = BPF_ALU64 | op | BPF_K, .dst_reg = reg, .imm = value });
}

static void put_move(struct assembler *as, int reg, int from)
{
    put(as, (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = reg, .src_reg = from });
}

/* The distance of a jump to the next rule is filled in by land(). */
static void put_jump(struct assembler *as, int op, int reg, int32_t value, int16_t distance)
{
    put(as, (struct bpf_insn){ .code = BPF_JMP | op | BPF_K, .dst_reg = reg, .off = distance, .imm = value });
}

static void put_answer(struct assembler *as, bool yes)
{
    put_alu(as, BPF_MOV, ANSWER, yes);
    put(as, (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT });
}

#define TO_NEXT_RULE INT16_MAX

static void land(struct assembler *as, size_t from)
{
    for (size_t i = from; i < as->count && i < as->capacity; i++) {
        if (BPF_CLASS(as->program[i].code) == BPF_JMP && as->program[i].off == TO_NEXT_RULE)
            as->program[i].off = (int16_t)(as->count - i - 1);
    }
}

static int32_t kernel_access(const struct config_device_rule *rule)
{
    unsigned bits = device_access_bits(rule);

    return ((bits & DEVICE_READ) != 0 ? BPF_DEVCG_ACC_READ : 0) |
           ((bits & DEVICE_WRITE) != 0 ? BPF_DEVCG_ACC_WRITE : 0) |
           ((bits & DEVICE_MKNOD) != 0 ? BPF_DEVCG_ACC_MKNOD : 0);
}

static void put_rule(struct assembler *as, const struct config_device_rule *rule)
{
    int32_t access = kernel_access(rule);
    size_t from = as->count;

    if (rule->type != 'a')
        put_jump(as, BPF_JNE, TYPE, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR,
                TO_NEXT_RULE);
    if (rule->major >= 0)
        put_jump(as, BPF_JNE, MAJOR, (int32_t)rule->major, TO_NEXT_RULE);
    if (rule->minor >= 0)
        put_jump(as, BPF_JNE, MINOR, (int32_t)rule->minor, TO_NEXT_RULE);
    if (device_access_bits(rule) != DEVICE_ALL && rule->allow) {
        put_alu(as, BPF_AND, ACCESS, ~access);
        put_jump(as, BPF_JNE, ACCESS, 0, TO_NEXT_RULE);
    } else if (device_access_bits(rule) != DEVICE_ALL) {
        put_jump(as, BPF_JSET, ACCESS, access, 1);
        put_jump(as, BPF_JA, 0, 0, TO_NEXT_RULE);
    }
    put_answer(as, rule->allow);
    land(as, from);
}

/* No device has such a number, and a 32-bit immediate could not hold it. */
static bool matches_nothing(const struct config_device_rule *rule)
{
    return rule->major > INT32_MAX || rule->minor > INT32_MAX || device_access_bits(rule) == 0;
}

int cgroup_device_program(
        const struct config_device_rule *rules, size_t count, struct bpf_insn *program, size_t capacity)
{
    struct assembler as = { .program = program, .capacity = capacity };
    bool open_end = true;

    put_load(&as, TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    put_load(&as, MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
    put_load(&as, MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
    put_move(&as, ACCESS, TYPE);
    put_alu(&as, BPF_AND, TYPE, 0xffff);
    put_alu(&as, BPF_RSH, ACCESS, 16);
    /* Behind a rule for everything nothing is reached, and the kernel refuses programs with dead code. */
    while (count-- > 0 && open_end) {
        if (matches_nothing(&rules[count]))
            continue;
        put_rule(&as, &rules[count]);
        open_end = !device_rule_is_total(&rules[count]);
    }
    if (open_end)
        put_answer(&as, false);
    return as.count > capacity ? -E2BIG : (int)as.count;
}
