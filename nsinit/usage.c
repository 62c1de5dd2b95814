/* From the JSON of the library to the numbers of a table. */
#include "usage.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The number at the end of a path of names, "memory/usage/limit"; -1: there is none. */
static double number_at(const json_t *value, const char *path)
{
    char copy[64], *rest = copy, *name;

    (void)snprintf(copy, sizeof(copy), "%s", path);
    while ((name = strsep(&rest, "/")) != NULL)
        value = json_object_get(value, name);
    return json_is_number(value) ? json_number_value(value) : -1;
}

static double sum_of(const json_t *list, const char *op)
{
    double sum = 0;
    size_t i;
    const json_t *item;

    json_array_foreach(list, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "op"));

        if (name != NULL && strcmp(name, op) == 0)
            sum += json_number_value(json_object_get(item, "value"));
    }
    return sum;
}

static void read_stats(const json_t *stats, struct usage *usage)
{
    const json_t *io = json_object_get(json_object_get(stats, "blkio"), "ioServiceBytesRecursive");

    usage->time = number_at(stats, "cpu/usage/total") / 1e9;
    usage->memory = number_at(stats, "memory/usage/usage");
    usage->limit = number_at(stats, "memory/usage/limit");
    /* The kernel's "none" is as large as it can be. */
    if (usage->limit < 0 || usage->limit > 1e18)
        usage->limit = 0;
    usage->read = io != NULL ? sum_of(io, "Read") : -1;
    usage->written = io != NULL ? sum_of(io, "Write") : -1;
    usage->processes = (long long)number_at(stats, "pids/current");
    usage->oom_kills = (long long)number_at(stats, "memory/events/killed");
}

static void compare(const struct usages *before, double now, struct usage *usage)
{
    usage->cpu = -1;
    for (size_t i = 0; before != NULL && i < before->count; i++) {
        const struct usage *old = &before->items[i];

        if (old->pid == usage->pid && old->start == usage->start && now > before->taken)
            usage->cpu = (usage->time - old->time) * 100 / (now - before->taken);
    }
}

/* 1: it has ended meanwhile. */
static int take_one(const json_t *state, const struct usages *before, double now, struct usage *ret)
{
    const char *root = json_string_value(json_object_get(state, "root"));
    char *text = NULL;
    json_t *stats;

    if (root == NULL || lc_stats(root, &text, NULL) < 0)
        return 1;
    stats = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
    free(text);
    *ret = (struct usage){ .root = strdup(root),
        .pid = (long long)json_number_value(json_object_get(state, "pid")),
        .start = (long long)json_number_value(json_object_get(state, "start")) };
    if (stats == NULL || ret->root == NULL) {
        json_decref(stats);
        free(ret->root);
        return -ENOMEM;
    }
    read_stats(stats, ret);
    json_decref(stats);
    compare(before, now, ret);
    return 0;
}

int usages_take(const struct usages *before, struct usages *ret, struct lc_error **err)
{
    struct usages usages = { 0 };
    struct timespec now;
    char *text = NULL;
    json_t *states;
    int r = lc_list(&text, err);

    if (r < 0)
        return r;
    states = json_loads(text, 0, NULL);
    free(text);
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    usages.taken = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    usages.items = calloc(json_array_size(states) + 1, sizeof(*usages.items));
    r = states == NULL || usages.items == NULL ? -ENOMEM : 0;
    for (size_t i = 0; r >= 0 && i < json_array_size(states); i++) {
        r = take_one(json_array_get(states, i), before, usages.taken, &usages.items[usages.count]);
        usages.count += r == 0;
    }
    json_decref(states);
    if (r < 0) {
        usages_free(&usages);
        return r;
    }
    *ret = usages;
    return 0;
}

void usages_free(struct usages *usages)
{
    for (size_t i = 0; i < usages->count; i++)
        free(usages->items[i].root);
    free(usages->items);
    *usages = (struct usages){ 0 };
}
