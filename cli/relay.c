/* The loop of a foreground exec: one poll over the process, the signals, and, with a terminal, both directions. A side that
 * does not read stops its source: nothing is dropped, nothing spins. */
#include <cli/relay.h>
#include <cli/terminal.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

/* Short runs are over before a watcher would be of use. */
#define GUARD_AFTER_MS 50

/* A write of this size after POLLOUT does not block on a pipe. */
#define CHUNK 4096

struct flow {
    int from, to; /* -1: ended */
    char data[CHUNK];
    size_t start, end;
    bool ended;
    char last;
};

struct relay {
    struct lc_process *process;
    int signals, console;
    int held; /* the terminal's other side: it does not end because everybody inside has closed it for a moment */
    struct flow in, out;
    bool exited, has_terminal, guarded;
    struct winsize size;
};

/* Everything that a process can be told, except what the kernel says about ourselves. */
static const int not_forwarded[] = { SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGSEGV, SIGBUS, SIGFPE,
    SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGKILL, SIGSTOP };

int relay_prepare(void)
{
    sigset_t set;

    (void)sigfillset(&set);
    for (size_t i = 0; i < sizeof(not_forwarded) / sizeof(not_forwarded[0]); i++)
        (void)sigdelset(&set, not_forwarded[i]);
    /* Only to be woken where there is no pidfd. */
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* True when the size really changed: the kernel then tells the terminal's foreground processes itself. */
static bool follow_size(struct relay *relay)
{
    struct winsize size = { 0 };

    if (relay->console < 0 || !terminal_size(&size.ws_row, &size.ws_col) ||
            (size.ws_row == relay->size.ws_row && size.ws_col == relay->size.ws_col))
        return false;
    relay->size = size;
    return ioctl(relay->console, TIOCSWINSZ, &size) == 0;
}

static void forward_signals(struct relay *relay)
{
    struct signalfd_siginfo info;

    while (read(relay->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        int number = (int)info.ssi_signo;

        if (number == SIGCHLD || (number == SIGPIPE && info.ssi_pid == (uint32_t)getpid()))
            continue;
        if (number == SIGWINCH && follow_size(relay))
            continue;
        (void)lc_process_signal(relay->process, number);
    }
}

/* The end of our input is ^D at the terminal, for who reads lines there; twice when a line was begun. */
static void end_input(struct relay *relay)
{
    struct flow *in = &relay->in;
    struct termios state;

    in->from = -1;
    if (tcgetattr(relay->console, &state) < 0 || (state.c_lflag & ICANON) == 0)
        return;
    in->data[in->end++] = (char)state.c_cc[VEOF];
    if (in->last != '\n' && in->last != '\0' && in->end < CHUNK)
        in->data[in->end++] = (char)state.c_cc[VEOF];
}

/* Our own terminal is gone, and so is the container's then: who works there reads an end, as after any hang-up. As a
 * pid 1 it need not notice the SIGHUP that we forward. */
static void hang_up(struct relay *relay)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    relay->in.from = -1;
    if (null < 0)
        return;
    /* The number stays the library's to close. */
    if (dup3(null, relay->console, O_CLOEXEC) >= 0)
        relay->out.ended = true;
    (void)close(null);
}

static void fill(struct relay *relay, struct flow *flow)
{
    ssize_t got = read(flow->from, flow->data, CHUNK);

    if (got > 0) {
        flow->start = 0;
        flow->end = (size_t)got;
        flow->last = flow->data[got - 1];
    } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        /* After the process's end an empty terminal is a finished one, even if a child still holds it. */
        if (flow == &relay->out && relay->exited && errno == EAGAIN)
            flow->ended = true;
    } else if (flow == &relay->in && relay->has_terminal) {
        hang_up(relay);
    } else if (flow == &relay->in) {
        end_input(relay);
    } else {
        flow->ended = true; /* EIO: nobody holds the other side any more */
    }
}

static void drain(struct flow *flow)
{
    ssize_t put = write(flow->to, flow->data + flow->start, flow->end - flow->start);

    if (put > 0)
        flow->start += (size_t)put;
    else if (put < 0 && errno != EAGAIN && errno != EINTR)
        flow->start = flow->end; /* nobody will ever read it: the process need not wait for that */
    if (flow->start == flow->end)
        flow->start = flow->end = 0;
}

static bool process_ended(const struct relay *relay, short events)
{
    siginfo_t info = { 0 };

    if (lc_process_pidfd(relay->process) >= 0)
        return events != 0;
    return waitid(P_PID, (id_t)lc_process_pid(relay->process), &info, WEXITED | WNOHANG | WNOWAIT | __WALL) ==
                   0 &&
           info.si_pid != 0;
}

static void carry(struct relay *relay, const struct pollfd *polled)
{
    if (polled[2].revents != 0 && relay->in.start == relay->in.end)
        fill(relay, &relay->in);
    else if ((polled[3].revents & (POLLOUT | POLLERR | POLLHUP)) != 0 && relay->in.start < relay->in.end)
        drain(&relay->in);
    if (relay->out.start < relay->out.end) {
        if (polled[4].revents != 0)
            drain(&relay->out);
    } else if (polled[3].revents != 0 || relay->exited) {
        fill(relay, &relay->out);
    }
}

/* How long to sleep: not at all to empty the terminal of a process that has ended. */
static int patience(const struct relay *relay, bool draining)
{
    if (draining)
        return 0;
    return relay->guarded ? -1 : GUARD_AFTER_MS;
}

static int step(struct relay *relay)
{
    bool in_waits = relay->in.start < relay->in.end, out_waits = relay->out.start < relay->out.end;
    bool console = relay->console >= 0 && !relay->out.ended;
    short wanted = (short)((in_waits ? POLLOUT : 0) | (out_waits ? 0 : POLLIN));
    struct pollfd polled[5] = {
        { .fd = relay->exited ? -1 : lc_process_pidfd(relay->process), .events = POLLIN },
        { .fd = relay->signals, .events = POLLIN },
        { .fd = console && !relay->exited && !in_waits ? relay->in.from : -1, .events = POLLIN },
        { .fd = console && wanted != 0 ? relay->console : -1, .events = wanted },
        { .fd = console && out_waits ? relay->out.to : -1, .events = POLLOUT },
    };

    int ready = poll(polled, 5, patience(relay, relay->exited && console && !out_waits));

    if (ready < 0)
        return errno == EINTR ? 0 : -errno;
    if (ready == 0 && !relay->exited && !relay->guarded) {
        relay->guarded = true;
        (void)lc_process_guard(relay->process, NULL); /* without it there is still the parent-death signal */
    }
    if (polled[1].revents != 0)
        forward_signals(relay);
    if (!relay->exited && process_ended(relay, polled[0].revents))
        relay->exited = true;
    if (console)
        carry(relay, polled);
    return 0;
}

static void take_terminals(struct relay *relay, const struct relay_options *options)
{
    struct termios state;

    relay->has_terminal = options->input >= 0 && terminal_raw(0, options->plain_newlines);
    relay->in = (struct flow){ .from = options->input, .to = relay->console };
    relay->out = (struct flow){ .from = relay->console, .to = 1 };
    relay->held = ioctl(relay->console, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    (void)ioctl(relay->console, TIOCGWINSZ, &relay->size);
    (void)follow_size(relay);
    if (options->plain_newlines && tcgetattr(relay->console, &state) == 0) {
        state.c_oflag &= ~(tcflag_t)ONLCR;
        (void)tcsetattr(relay->console, TCSANOW, &state);
    }
}

int relay_run(struct lc_process *process, int signals, const struct relay_options *options)
{
    struct relay relay = { .process = process,
        .signals = signals,
        .console = lc_process_console(process),
        .held = -1,
        .guarded = !options->guard };
    int r = 0;

    if (relay.console >= 0)
        take_terminals(&relay, options);
    while (r == 0 && (!relay.exited || (relay.console >= 0 && !relay.out.ended)))
        r = step(&relay);
    if (relay.held >= 0)
        (void)close(relay.held);
    return r;
}
