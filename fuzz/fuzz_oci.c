/* config.json, a process object and a resources object: whatever the text, a result or at least one error that can be
 * printed and located. */
#include <oci/oci.h>

#include <stdlib.h>

static void check(int result, struct lc_error *err)
{
    if ((result == 0) != (err == NULL))
        abort();
    for (const struct lc_error *at = err; at != NULL; at = error_next(at)) {
        if (error_site(at)->line < 1 || error_site(at)->column < 1 || error_site(at)->pointer == NULL)
            abort();
        free(error_format(at));
    }
    error_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char base[] = "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"r\"}}";
    const struct oci_text config = { base, sizeof(base) - 1, "config.json" };
    const struct oci_text process = { (const char *)data, size, "process.json" };
    struct config_cgroups cgroups;
    struct lc_config *ret = NULL;
    struct lc_error *err = NULL;
    struct arena arena = { 0 };
    int result = oci_parse(process.text, size, "fuzz.json", "/b", &ret, &err);

    if ((result == 0) != (ret != NULL))
        abort();
    check(result, err);
    config_free(ret);
    ret = NULL;
    err = NULL;
    result = oci_parse_process(&config, &process, "/b", &ret, &err);
    check(result, err);
    config_free(ret);
    err = NULL;
    result = oci_parse_resources(process.text, size, "resources.json", &arena, &cgroups, &err);
    check(result, err);
    arena_done(&arena);
    return 0;
}
