#include "nsrun.h"

#include <cli/relay.h>
#include <cli/terminal.h>

#include <unistd.h>

int foreground_wait(const struct call *call, struct lc_process *process, int signals, int *ret_status,
        struct lc_error **err)
{
    const struct relay_options options = { .input = call->stdio[0], .plain_newlines = true };
    int r = relay_run(process, signals, &options);

    if (r == 0)
        r = lc_process_wait(process, ret_status, err);
    terminal_restore();
    return r;
}

int foreground_check(const struct call *call, bool detached, bool terminal, const char *console_socket)
{
    bool wanted = detached && terminal;

    if (wanted && console_socket == NULL)
        return report_text(call,
                "cannot allocate tty if %s will detach without setting console socket: use --console-socket",
                usage_name());
    if (!wanted && console_socket != NULL)
        return report_text(
                call, "cannot use console socket if %s will not detach or allocate tty", usage_name());
    return 0;
}
