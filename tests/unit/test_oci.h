/* Helpers of the test_oci programs. */
#ifndef TEST_OCI_H
#define TEST_OCI_H

#include "test_config.h"

#include <oci/oci.h>

#include <errno.h>

#define HEAD "\"ociVersion\":\"1.0.2-dev\",\"root\":{\"path\":\"rootfs\"}"
/* What is put in stands on line 2. */
#define TOP(more) "{" HEAD ",\n" more "}"
#define PROCESS(more) TOP("\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"," more "}")
#define ALL_NAMESPACES                                                                                       \
    "\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"uts\"},"     \
    "{\"type\":\"ipc\"},{\"type\":\"cgroup\"},{\"type\":\"time\"}]"
#define LINUX(more) TOP("\"linux\":{" ALL_NAMESPACES "," more "}")
#define RESOURCES(more) LINUX("\"resources\":{" more "}")
#define MOUNT(more) TOP("\"linux\":{" ALL_NAMESPACES "},\"mounts\":[{\"destination\":\"/m\"," more "}]")
#define SECCOMP(more) LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"," more "}")
#define RULE(more) SECCOMP("\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\"," more "}]")

static inline struct lc_config *oci_good(const char *text)
{
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    int result = oci_parse(text, strlen(text), "config.json", "/b", &config, &err);

    if (result != 0)
        print_errors(text, err);
    assert_int_equal(result, 0);
    assert_null(err);
    assert_non_null(config);
    return config;
}

/* Reads a whole file; the caller frees it. */
static inline char *read_data(const char *directory, const char *name, size_t *ret_length)
{
    char path[512];
    FILE *file;
    char *text = malloc(1 << 20);

    assert_non_null(text);
    assert_true(snprintf(path, sizeof(path), "%s/%s", directory, name) < (int)sizeof(path));
    file = fopen(path, "r");
    assert_non_null(file);
    *ret_length = fread(text, 1, (1 << 20) - 1, file);
    text[*ret_length] = '\0';
    assert_int_equal(fclose(file), 0);
    return text;
}

#endif
