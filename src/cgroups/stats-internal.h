/* What the files of the statistics share: members of a JSON object from files of a group. */
#ifndef CGROUPS_STATS_INTERNAL_H
#define CGROUPS_STATS_INTERNAL_H

#include "internal.h"

#include <base/buffer.h>

struct stats {
    struct buffer *out;
    const struct cgroup_rest *rest;   /* what no group counts */
    uint32_t taken;                   /* CGROUP_BIT(): what has been taken from there */
    const struct cgroup_group *group; /* that is read from now; NULL: none */
    bool comma;                       /* something stands before the next member */
};

void stats_open(struct stats *stats, const char *name); /* "name": { */
void stats_close(struct stats *stats);
void stats_name(struct stats *stats, const char *name);
void stats_number(struct stats *stats, const char *name, uint64_t number);
/* The number in a file ("max": the largest there is); false and nothing written when the file is not there. */
bool stats_file(struct stats *stats, const char *name, const char *file);
bool stats_read(const struct cgroup_group *group, const char *file, uint64_t *ret);
/* The number behind a word at the start of a line. */
bool stats_word(const char *text, const char *word, uint64_t *ret);
/* Every "word number" line as a member; a "max" is no number. */
void stats_words(struct stats *stats, const char *text);
/* The same of a file, as an object; nothing where there is no such file. */
void stats_words_file(struct stats *stats, const char *name, const char *file);
/* "mlx4_0 hca_handle=2 hca_object=max": an object of each line, by its first word, and of each "word=number" a member; where the
 * first word has a number too, as in "total=3 N0=1 N1=2", that is "total". */
void stats_pairs_file(struct stats *stats, const char *name, const char *file);
/* "1 2 3" or "0-2,4" as an array. */
void stats_array(struct stats *stats, const char *name, const char *text, bool ranges);
/* PSI: {"some": {...}, "full": {...}} */
void stats_pressure(struct stats *stats, const char *name, const char *file);

/* One of them for each controller, wherever it lives. */
void stats_cpu_v1(const struct cgroup_set *set, struct stats *stats);
void stats_cpu_v2(struct stats *stats);
void stats_memory_v1(struct stats *stats);
void stats_memory_v2(struct stats *stats);
void stats_blkio_v1(struct stats *stats);
void stats_blkio_v2(struct stats *stats);
/* hugetlb, rdma, misc and dmem, which are alike in both versions. */
void stats_hugetlb(const struct cgroup_set *set, struct stats *stats);
void stats_devices(const struct cgroup_set *set, struct stats *stats);

#endif
