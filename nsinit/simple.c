/* The commands that print something and end. */
#include "nsinit.h"

#include <stdlib.h>

int command_spec(const struct arguments *arguments)
{
    (void)arguments;
    return print_text(lc_config_default());
}

int command_init(const struct arguments *arguments)
{
    (void)arguments;
    (void)fputs(
            "nsinit: init is the role of the child that libcontainer starts by itself; use exec\n", stderr);
    return NSINIT_FAILED;
}

int command_state(const struct arguments *arguments)
{
    struct lc_error *err = NULL;
    char *text = NULL;
    int status;

    if (lc_state(arguments->root, &text, &err) < 0)
        return report_and_free(err);
    status = print_text(text);
    free(text);
    return status;
}

int command_plan(const struct arguments *arguments)
{
    static char shell[] = "/bin/sh";
    char *fallback[] = { shell, NULL };
    struct arguments with_command = *arguments;
    struct lc_config *config = NULL;
    struct lc_error *err = NULL;
    struct lc_options options;
    char *text = NULL;
    int status = load_config(arguments, &config);

    if (status != 0)
        return status;
    if (arguments->rest[0] == NULL)
        with_command.rest = fallback;
    fill_options(&with_command, &options);
    if (lc_plan_text(config, &options, &text, &err) < 0)
        status = report_and_free(err);
    else
        status = print_text(text);
    free(text);
    lc_config_free(config);
    return status;
}

int command_apparmor(const struct arguments *arguments)
{
    struct lc_error *err = NULL;

    if (!arguments->load)
        return print_text(lc_apparmor_profile());
    return lc_apparmor_load(&err) < 0 ? report_and_free(err) : 0;
}
