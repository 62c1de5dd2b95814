/* The default profile. In AppArmor a deny always wins over an allow, so that "all of /proc/sys except ..."
 * has to be spelt letter by letter: a pattern [^x]** denies every name that does not begin with x. */
#include <security/apparmor.h>

static const char profile[] =
        "# The profile of containers that ask for nsinit-default. Load it: nsinit apparmor --load\n"
        "abi <abi/3.0>,\n"
        "\n"
        "profile nsinit-default flags=(attach_disconnected,mediate_deleted) {\n"
        "  network,\n"
        "  capability,\n"
        "  file,\n"
        "  umount,\n"
        "\n"
        "  # The root is set up before this profile applies; a mount could only hide these rules' paths.\n"
        "  deny mount,\n"
        "  deny pivot_root,\n"
        "\n"
        "  # Among themselves processes may do all; from outside, only signals of the unconfined arrive.\n"
        "  signal (send, receive) peer=nsinit-default,\n"
        "  signal (receive) peer=unconfined,\n"
        "  ptrace (read, readby, trace, tracedby) peer=nsinit-default,\n"
        "\n"
        "  # /proc: its own files belong to the whole machine, some of them not even to be read.\n"
        "  deny /proc/* wkl,\n"
        "  deny /proc/{kcore,kmem,mem,kpagecount,kpageflags,kpagecgroup,sysrq-trigger} rwklx,\n"
        "  deny /proc/{acpi,asound,bus,driver,dynamic_debug,fs,irq,mtd,scsi,tty}/** wklx,\n"
        "\n"
        "  # /proc/sys: only what a namespace has its own copy of may be written: net and user; fs/mqueue;\n"
        "  # kernel/{domainname,hostname,msg*,ns_last_pid,sem*,shm*}.\n"
        "  deny /proc/sys/[^fknu]** wklx,\n"
        "  deny /proc/sys/{f[^s],k[^e],n[^e],u[^s]}** wklx,\n"
        "  deny /proc/sys/fs/{[^m],m[^q]}** wklx,\n"
        "  deny /proc/sys/kernel/{[^dhmns],d[^o],do[^m],h[^o],ho[^s],m[^s],n[^s],s[^eh],se[^m],sh[^m]}** "
        "wklx,\n"
        "\n"
        "  # /sys: nothing but the cgroups below it may be written.\n"
        "  deny /sys/[^f]** wklx,\n"
        "  deny /sys/f[^s]** wklx,\n"
        "  deny /sys/fs/{[^c],c[^g]}** wklx,\n"
        "  deny /sys/firmware/** rwklx,\n"
        "  deny /sys/firmware/efi/efivars/** rwklx,\n"
        "  deny /sys/kernel/{debug,security,tracing}/** rwklx,\n"
        "  deny /sys/devices/virtual/powercap/** rwklx,\n"
        "}\n";

const char *apparmor_default_profile(void)
{
    return profile;
}
