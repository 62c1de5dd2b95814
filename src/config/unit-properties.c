#include <config/unit-properties.h>

#include <base/util.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NAME_LENGTH_MAX 64
#define USEC_PER_SEC 1000000

/* Neither what starts, stops or fails other units (Wants=, OnFailure=, JobTimeoutAction=), nor what runs or loads something
 * (Exec...=, BPFProgram=), nor what takes processes out of our hands (KillMode=, RefuseManualStop=). Limits that the
 * configuration has keys of its own for are not here either. */
static const struct {
    const char *name, *type;
} properties[] = {
    { "After", "as" },
    { "Before", "as" },
    { "CollectMode", "s" },
    { "DefaultDependencies", "b" },
    { "IPAccounting", "b" },
    { "IgnoreOnIsolate", "b" },
    { "KillSignal", "i" },
    { "ManagedOOMMemoryPressure", "s" },
    { "ManagedOOMMemoryPressureLimit", "u" },
    { "ManagedOOMPreference", "s" },
    { "ManagedOOMSwap", "s" },
    { "MemoryMin", "t" },
    { "MemoryZSwapMax", "t" },
    { "OOMPolicy", "s" },
    { "PartOf", "as" },
    { "RuntimeMaxUSec", "t" },
    { "SendSIGHUP", "b" },
    { "StartupCPUWeight", "t" },
    { "StartupIOWeight", "t" },
    { "TimeoutStopUSec", "t" },
};

/* What a text or a JSON value comes to before it meets its type. */
enum kind { KIND_BAD, KIND_TEXT, KIND_WHOLE, KIND_REAL, KIND_TRUTH, KIND_LIST };

struct value {
    enum kind kind;
    uint64_t whole;
    double real;
    bool truth;
    struct buffer words; /* the text, or the texts of the list, each after a tab */
};

static void value_done(struct value *value)
{
    buffer_done(&value->words);
}

/* Tabs and newlines are what the helper's lines are cut up at. */
static bool add_word(struct value *value, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    buffer_text(&value->words, "\t");
    buffer_add(&value->words, text, length);
    return true;
}

static bool add_json_word(struct value *value, const json_t *text)
{
    return json_is_string(text) && add_word(value, json_string_value(text), json_string_length(text));
}

static void take_json(struct value *value, const json_t *json)
{
    if (json_is_boolean(json)) {
        value->kind = KIND_TRUTH;
        value->truth = json_is_true(json);
    } else if (json_is_integer(json) && json_integer_value(json) >= 0) {
        value->kind = KIND_WHOLE;
        value->whole = (uint64_t)json_integer_value(json);
    } else if (json_is_real(json) && json_real_value(json) >= 0) {
        value->kind = KIND_REAL;
        value->real = json_real_value(json);
    } else if (add_json_word(value, json)) {
        value->kind = KIND_TEXT;
    } else if (json_is_array(json)) {
        value->kind = KIND_LIST;
        for (size_t i = 0; i < json_array_size(json); i++)
            if (!add_json_word(value, json_array_get(json, i)))
                value->kind = KIND_BAD;
    }
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " ");
}

/* 'text' or "text", with a backslash before what is meant as it stands. Returns what follows, or NULL. */
static const char *take_quoted(struct value *value, const char *at)
{
    struct buffer text = { 0 };
    const char quote = *at++;
    bool good;

    for (; *at != quote && *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        buffer_add(&text, at, 1);
    }
    good = *at == quote && !text.failed && add_word(value, text.data != NULL ? text.data : "", text.length);
    buffer_done(&text);
    return good ? at + 1 : NULL;
}

static const char *take_list(struct value *value, const char *at)
{
    value->kind = KIND_LIST;
    at = skip_blanks(at + 1);
    if (*at == ']')
        return at + 1;
    for (;;) {
        at = *at == '\'' || *at == '"' ? take_quoted(value, at) : NULL;
        if (at == NULL)
            return NULL;
        at = skip_blanks(at);
        if (*at == ']')
            return at + 1;
        if (*at != ',')
            return NULL;
        at = skip_blanks(at + 1);
    }
}

static const char *take_number(struct value *value, const char *at)
{
    char *end;

    errno = 0;
    value->kind = KIND_WHOLE;
    value->whole = strtoull(at, &end, strncmp(at, "0x", 2) == 0 ? 16 : 10);
    if (*end == '.' || *end == 'e') {
        value->kind = KIND_REAL;
        value->real = strtod(at, &end);
    }
    return errno == 0 ? end : NULL;
}

/* "uint64 ", "@t ": we know the type. */
static const char *skip_type(const char *at)
{
    static const char *const words[] = { "byte", "int16", "uint16", "int32", "uint32", "int64", "uint64",
        "double", "string", "boolean", "@t", "@u", "@i", "@s", "@b", "@as", "@d", "@x" };
    size_t length = strcspn(at, " ");

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i]) == length && strncmp(words[i], at, length) == 0)
            return skip_blanks(at + length);
    return at;
}

static void take_text(struct value *value, const char *text)
{
    const char *at = skip_type(skip_blanks(text)), *end = NULL;

    if (strncmp(at, "true", 4) == 0 || strncmp(at, "false", 5) == 0) {
        value->kind = KIND_TRUTH;
        value->truth = *at == 't';
        end = at + (value->truth ? 4 : 5);
    } else if (*at == '\'' || *at == '"') {
        value->kind = KIND_TEXT;
        end = take_quoted(value, at);
    } else if (*at == '[') {
        end = take_list(value, at);
    } else if (isdigit((unsigned char)*at)) {
        end = take_number(value, at);
    }
    if (end == NULL || *skip_blanks(end) != '\0')
        value->kind = KIND_BAD;
}

/* The row, and whether the value counts seconds. -1: not in the list. */
static int find(const char *name, bool *ret_seconds)
{
    size_t length = strlen(name);
    char full[NAME_LENGTH_MAX];

    *ret_seconds = length > 3 && strcmp(name + length - 3, "Sec") == 0 && name[length - 4] != 'U';
    if (length + 2 > sizeof(full))
        return -1;
    (void)snprintf(full, sizeof(full), "%.*s%s", (int)(length - (*ret_seconds ? 3 : 0)), name,
            *ret_seconds ? "USec" : "");
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
        if (strcmp(properties[i].name, full) == 0)
            return (int)i;
    return -1;
}

static const char *put_number(const struct value *value, const char *type, bool seconds, struct buffer *out)
{
    const uint64_t most = type[0] == 't' ? UINT64_MAX : type[0] == 'u' ? UINT32_MAX : INT32_MAX;
    uint64_t number = value->whole;

    if (value->kind == KIND_REAL && (!seconds || value->real > 1e12))
        return "expected a whole number";
    if (value->kind != KIND_WHOLE && value->kind != KIND_REAL)
        return seconds ? "expected a number of seconds" : "expected a whole number";
    if (value->kind == KIND_REAL)
        number = (uint64_t)(value->real * USEC_PER_SEC);
    else if (seconds && number > UINT64_MAX / USEC_PER_SEC)
        return "the number is too large";
    else if (seconds)
        number *= USEC_PER_SEC;
    if (number > most)
        return "the number is too large";
    buffer_printf(out, "\t%" PRIu64, number);
    return NULL;
}

/* NULL, or what was expected. */
static const char *put(const struct value *value, const char *type, bool seconds, struct buffer *out)
{
    if (value->kind == KIND_BAD)
        return "expected a value like 'text', true, 10 or ['a', 'b']";
    switch (type[0]) {
    case 's':
        if (value->kind != KIND_TEXT)
            return "expected a text";
        buffer_add(out, value->words.data, value->words.length);
        return NULL;
    case 'a':
        if (value->kind != KIND_LIST)
            return "expected a list of texts";
        buffer_add(out, value->words.data, value->words.length);
        return NULL;
    case 'b':
        if (value->kind != KIND_TRUTH)
            return "expected true or false";
        buffer_text(out, value->truth ? "\ttrue" : "\tfalse");
        return NULL;
    default:
        return put_number(value, type, seconds, out);
    }
}

static int convert(const char *name, const struct value *value, struct buffer *out, const char **ret_why)
{
    bool seconds;
    int row = find(name, &seconds);

    *ret_why = "this property of a unit is not for a container to set";
    if (row < 0)
        return -EPERM;
    buffer_printf(out, "%s\t%s", properties[row].name, properties[row].type);
    *ret_why = put(value, properties[row].type, seconds, out);
    return *ret_why != NULL ? -EINVAL : 0;
}

int unit_property_from_json(const char *name, const json_t *json, struct buffer *out, const char **ret_why)
{
    CLEANUP(value_done) struct value value = { 0 };

    take_json(&value, json);
    return convert(name, &value, out, ret_why);
}

int unit_property_from_text(const char *name, const char *text, struct buffer *out, const char **ret_why)
{
    CLEANUP(value_done) struct value value = { 0 };

    take_text(&value, text);
    return convert(name, &value, out, ret_why);
}
