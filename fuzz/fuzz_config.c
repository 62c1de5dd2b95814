/* container.json: whatever the text, a configuration or at least one error that can be printed and located.
 */
#include <config/config.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config_options options = { .lenient = size > 0 && data[0] == ' ' };
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    int result = config_parse((const char *)data, size, "fuzz.json", &options, &config, &err);

    if ((result == 0) != (config != NULL) || (result == 0) != (err == NULL))
        abort();
    for (const struct lc_error *at = err; at != NULL; at = error_next(at)) {
        if (error_site(at)->line < 1 || error_site(at)->column < 1)
            abort();
        free(error_format(at));
    }
    error_free(err);
    config_free(config);
    return 0;
}
