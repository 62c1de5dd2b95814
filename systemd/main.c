/* libcontainer-systemd: asks systemd for what the library wants. cgroups/unit-protocol.h has the words. */
#include "helper.h"

#include <cgroups/unit-protocol.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct verb {
    const char *name;
    size_t least; /* lines, with its own */
    int (*act)(struct helper *helper, const struct request *request);
} verbs[] = {
    { "open", 2, unit_open },
    { "start", 2, unit_start },
    { "keep", 1, unit_keep },
    { "attach", 3, unit_attach },
    { "set", 2, unit_set },
    { "undo", 1, unit_undo },
    { "stop", 3, unit_stop },
};

static int say(const struct helper *helper, const char *text)
{
    ssize_t put;

    do
        put = send(helper->socket, text, strlen(text), MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    return put < 0 ? -errno : 0;
}

void say_call(struct helper *helper, const char *call)
{
    char line[128];

    helper->call = call;
    (void)snprintf(line, sizeof(line), "call\n%s", call);
    (void)say(helper, line); /* nobody there any more: the next recv ends us */
}

int fail(struct helper *helper, int errnum, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(helper->text, sizeof(helper->text), fmt, args);
    va_end(args);
    return -errnum;
}

static int answer(struct helper *helper, int r)
{
    char line[sizeof(helper->answer) + 64];

    if (r >= 0)
        (void)snprintf(line, sizeof(line), "ok%s%s", helper->answer[0] != '\0' ? "\n" : "", helper->answer);
    else
        (void)snprintf(line, sizeof(line), "error\n%d\n%s\n%s", -r, helper->call,
                helper->text[0] != '\0' ? helper->text : strerror(-r));
    return say(helper, line);
}

static void cut(struct request *request, char *text)
{
    request->count = 0;
    while (text != NULL && request->count < LINES_MAX)
        request->lines[request->count++] = strsep(&text, "\n");
}

static int serve(struct helper *helper, const struct request *request)
{
    helper->call = "request";
    helper->text[0] = helper->answer[0] = '\0';
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, request->lines[0]) == 0 && request->count >= verbs[i].least)
            return verbs[i].act(helper, request);
    }
    return fail(helper, EBADMSG, "the helper does not understand this");
}

static int no_socket(void)
{
    int type = 0;
    socklen_t size = sizeof(type);

    if (getsockopt(UNIT_SOCKET, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET)
        return 0;
    (void)fputs("libcontainer-systemd: only libcontainer runs this\n", stderr);
    return 1;
}

int main(void)
{
    static struct request request;
    static char packet[UNIT_PACKET_MAX + 1];
    struct helper helper = { .socket = UNIT_SOCKET };
    ssize_t got;

    if (no_socket() != 0)
        return 2;
    /* What the caller has open is none of our business, and his terminal's signals are not for us. */
    (void)close_range(UNIT_SOCKET + 1, ~0u, 0);
    (void)fcntl(UNIT_SOCKET, F_SETFD, FD_CLOEXEC);
    (void)setsid();
    (void)signal(SIGPIPE, SIG_IGN);
    if (chdir("/") < 0)
        return 2;
    for (;;) {
        got = recv(helper.socket, packet, sizeof(packet) - 1, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        packet[got] = '\0';
        cut(&request, packet);
        if (answer(&helper, serve(&helper, &request)) < 0)
            break;
    }
    unit_leave(&helper);
    /* Without a farewell: it might wait for a bus that is stuck. */
    _exit(got < 0 ? 1 : 0);
}
