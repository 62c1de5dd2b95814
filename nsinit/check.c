#include "nsinit.h"

static void print_result(void *data, const struct lc_check_result *result)
{
    (void)data;
    (void)printf(
            "%-13s %-31s %s\n", result->supported ? "supported" : "NOT supported", result->key, result->text);
}

int command_check(const struct arguments *arguments)
{
    static char probe[] = "/";
    char *command[] = { probe, NULL };
    struct arguments with_command = *arguments;
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    struct lc_options options;
    int status = load_config(arguments, &config), missing;

    if (status != 0)
        return status;
    with_command.rest = command;
    fill_options(&with_command, &options);
    missing = lc_check(config, &options, print_result, NULL, &err);
    lc_config_free(config);
    if (missing < 0)
        return report_and_free(err);
    status = finish_output();
    return status == 0 && missing > 0 ? 1 : status;
}
