/* Objects: each member is looked up in a key table; what is not there is refused, with a guess at what was
 * meant. */
#include <config/reader.h>

#include <base/buffer.h>
#include <base/util.h>

#include <ctype.h>
#include <string.h>

#define NAME_MAX_ 32 /* longer than any key of ours */

/* Case and underscores are what people get wrong most: "oomScoreAdj" is at distance 0 of "oom_score_adj". */
static size_t fold(const char *name, char out[NAME_MAX_])
{
    size_t length = 0;

    for (; *name != '\0' && length < NAME_MAX_; name++)
        if (*name != '_' && *name != '-')
            out[length++] = (char)tolower((unsigned char)*name);
    return length;
}

/* Edit distance: insertions, deletions and replacements. */
static size_t distance(const char *one, const char *other)
{
    char a[NAME_MAX_], b[NAME_MAX_];
    size_t n = fold(one, a), m = fold(other, b);
    size_t row[NAME_MAX_ + 1];

    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (diagonal + 1 < best)
                best = diagonal + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

/* "did you mean ...?", or the list of keys where it is short; "" for neither. */
static const char *guess(struct reader *reader, const struct key *keys, size_t count, const char *name)
{
    struct buffer out = { 0 };
    const struct key *best = NULL;
    size_t least = strlen(name) < 6 ? 2 : 3; /* must be closer than this */
    const char *result;

    for (size_t i = 0; i < count; i++) {
        size_t d = strlen(name) < NAME_MAX_ ? distance(name, keys[i].name) : least;

        if (d < least) {
            least = d;
            best = &keys[i];
        }
    }
    if (best != NULL) {
        buffer_printf(&out, "did you mean \"%s\"?", best->name);
    } else if (count > 0 && count <= 12) {
        buffer_text(&out, "the keys here are ");
        for (size_t i = 0; i < count; i++)
            buffer_printf(&out, "%s%s", i > 0 ? ", " : "", keys[i].name);
    }
    buffer_add(&out, "", 1);
    result = out.failed ? "" : keep(reader, out.data);
    buffer_done(&out);
    return result;
}

static const struct key *find_key(const struct key *keys, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

void read_object(
        struct reader *reader, const struct node *node, const struct key *keys, size_t count, void *target)
{
    const char *name;
    json_t *value;

    if (!json_is_object(node->json)) {
        complain_expected(reader, node, "an object");
        return;
    }
    json_object_foreach(node->json, name, value)
    {
        const struct key *key = find_key(keys, count, name);
        struct node member = { .parent = node, .key = name, .json = value };

        if (key != NULL) {
            key->read(reader, &member, (char *)target + key->offset);
        } else if (!reader->lenient) {
            const char *hint = guess(reader, keys, count, name);

            complain_key(reader, &member, *hint != '\0' ? hint : NULL, "unknown key %s", quote(reader, name));
        }
    }
}

bool read_full_object(
        struct reader *reader, const struct node *node, const struct key *keys, size_t count, void *target)
{
    unsigned before = reader->complaints;

    read_object(reader, node, keys, count, target);
    for (size_t i = 0; json_is_object(node->json) && i < count; i++)
        (void)require_key(reader, node, keys[i].name);
    return reader->complaints == before;
}

bool require_key(struct reader *reader, const struct node *object, const char *key)
{
    if (json_object_get(object->json, key) != NULL)
        return true;
    complain(reader, object, "the key \"%s\" is missing", key);
    return false;
}
