# Runs inside the virtual machine (bash, root): guest.sh NSINIT SUITE... One line per check, and a count at the end.
# Written with bash's own commands where possible: a process costs 20 to 40 times what it costs outside.
NS=$1; shift
. "${0%/*}/steady.sh"
B=/run/vm-run/busybox CG=/sys/fs/cgroup
passed=0 failed=0 skipped=0
ok() { passed=$((passed + 1)); echo "ok    $suite: $1"; }
bad() { failed=$((failed + 1)); echo "FAIL  $suite: $1"; shift; [ $# = 0 ] || printf '      | %s\n' "${@//$'\n'/$'\n      | '}"; }
skip() { skipped=$((skipped + 1)); echo "skip  $suite: $1"; }
eq() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "got:  $2" "want: $3"; fi; }
has() { if [[ $2 == *"$3"* ]]; then ok "$1"; else bad "$1" "got:  $2" "want in it: $3"; fi; }
hasnot() { if [[ $2 != *"$3"* ]]; then ok "$1"; else bad "$1" "got:  $2" "want not in it: $3"; fi; }
yes() { local what=$1; shift; if "$@"; then ok "$what"; else bad "$what" "false: $*"; fi; }
no() { local what=$1; shift; if "$@"; then bad "$what" "true: $*"; else ok "$what"; fi; }
get() { [ -r "$1" ] && REPLY=$(<"$1") || REPLY="(no $1)"; echo "$REPLY"; }
wait_for() { local i; for ((i = 0; i < 200; i++)); do eval "$1" 2>/dev/null && return 0; $B usleep 50000; done; return 1; }

# ------------------------------------------------------------------ a root file system, and containers in it
make_rootfs() {
    mkdir -p "$1"/{bin,etc,proc,sys,dev,tmp,mnt,root}
    cp $B "$1/bin/busybox"
    $B --list | while read -r a; do ln -s busybox "$1/bin/$a" 2>/dev/null; done
    printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' >"$1/etc/passwd"
    printf 'root:x:0:\nuser:x:1000:\n' >"$1/etc/group"
}
ALL='"NEWNS","NEWUTS","NEWIPC","NEWPID","NEWNET"'
conf() { # namespaces, more keys
    echo "{\"environment\":[\"PATH=/bin\",\"HOME=/\"],\"namespaces\":[$1]${2:+,$2}}" >"$C/container.json"
}
box() { C=$1; R=$C/rootfs; mkdir -p "$C"; [ -d "$R" ] || make_rootfs "$R"; cd "$R" || exit 1; }
run() { OUT=$(timeout 60 "$NS" --root "$C" exec "$@" 2>&1 </dev/null); ST=$?; }
sh_() { run /bin/sh -c "$1"; }
start() { # a live container: $np nsinit, $pid its pid 1
    rm -f "$C/start.out"
    "$NS" --root "$C" exec /bin/sh -c 'trap "exit 7" TERM; echo up; while :; do sleep 0.2; done' >"$C/start.out" 2>&1 </dev/null &
    np=$!
    if ! wait_for '[[ "$(<"$C/start.out")" = up* ]] || [ ! -d /proc/$np ]' || [ ! -s "$C/pid" ]; then
        bad "container starts" "$(get "$C/start.out")"; return 1; fi
    pid=$(<"$C/pid")
}
stop() { kill -TERM $np; wait $np 2>/dev/null; ST=$?; }
groups_now() { find $CG -mindepth 1 -type d 2>/dev/null | sort; }
gone() { wait_for '[ ! -d /proc/'"$1"' ] || [[ $(</proc/'"$1"'/stat) == *") Z "* ]]'; }
# The directory of a controller's hierarchy.
hier() { if [ -e $CG/cgroup.controllers ]; then echo $CG; elif [ -d $CG/$1 ]; then echo $CG/$1; fi; }
v2() { [ -e $CG/cgroup.controllers ]; }
clean_after() { # what, groups before
    eq "$1: no group left" "$(groups_now)" "$2"
    no "$1: no pid file left" test -e "$C/pid"
    no "$1: no start file left" test -e "$C/start"
}

# ------------------------------------------------------------------ control groups as root
suite_cgroups() {
    local before g d v
    box /tmp/cg; before=$(groups_now)
    limit() { # key-values, controller, v1 file, v1 value, v2 file, v2 value
        conf "$ALL" "\"cgroups\":{\"parent\":\"p/q\",\"name\":\"one\",$1}"
        v=$(hier $2); [ -n "$v" ] || { skip "$2: no such hierarchy"; return; }
        start || return
        g=$v/p/q/one
        if v2; then eq "$1 -> $5" "$(get $g/$5)" "$6"; else eq "$1 -> $3" "$(get $g/$3)" "$4"; fi
        yes "$1: pid 1 is in the group" grep -qx $pid $g/cgroup.procs
        if v2; then eq "$1: /proc/PID/cgroup" "$(</proc/$pid/cgroup)" "0::/p/q/one"; fi
        sh_ "cat /proc/self/cgroup"
        eq "$1: a join is in the same groups" "$OUT" "$(</proc/$pid/cgroup)"
        stop; eq "$1: exit status" $ST 7
        clean_after "$1" "$before"
    }
    limit '"memory":67108864' memory memory.limit_in_bytes 67108864 memory.max 67108864
    limit '"memory":67108864,"memory_swap":100663296' memory memory.memsw.limit_in_bytes 100663296 memory.swap.max 33554432
    limit '"memory":67108864,"memory_swap":-1' memory memory.limit_in_bytes 67108864 memory.swap.max max
    limit '"cpu_shares":512' cpu cpu.shares 512 cpu.weight 59
    limit '"cpu_shares":1024' cpu cpu.shares 1024 cpu.weight 100
    limit '"cpuset_cpus":"1"' cpuset cpuset.cpus 1 cpuset.cpus 1
    limit '"pids_limit":12' pids pids.max 12 pids.max 12
    limit '"cpu_quota":20000,"cpu_period":50000' cpu cpu.cfs_quota_us 20000 cpu.max "20000 50000"

    conf "$ALL" '"cgroups":{"parent":"p","name":"all","memory":67108864,"cpu_shares":512,"cpuset_cpus":"0","pids_limit":20}'
    if start; then
        echo "      | host: ${pid}: $(tr '\n' ' ' </proc/$pid/cgroup)"
        has "cpuset holds" "$(grep Cpus_allowed_list /proc/$pid/status)" $'\t0'
        sh_ 'i=0; while [ $i -lt 40 ]; do sleep 2 & i=$((i+1)); done; echo all'; has "pids_limit holds in a join" "$OUT" "fork"
        hasnot "pids_limit holds in a join (2)" "$OUT" "all"
        wait_for '[ $(wc -l <'"$(hier pids)"'/p/all/cgroup.procs) -le 3 ]'
        sh_ 'dd if=/dev/zero of=/dev/null bs=200M count=1; echo dd $?'; has "memory hog in a join is killed" "$OUT" "dd 137"
        yes "pid 1 outlives the hog of a join" test -d /proc/$pid
        stop; clean_after "all limits" "$before"
    fi
    run dd if=/dev/zero of=/dev/null bs=200M count=1
    eq "memory hog as pid 1: status" $ST 137; clean_after "hog" "$before"

    # A limit too small for the start kills the container, never nsinit, and there is a word about it.
    for i in 4096 16384 65536; do
        conf "$ALL" "\"cgroups\":{\"parent\":\"p\",\"name\":\"tiny\",\"memory\":$i}"
        sh_ true; [ $ST = 0 ] || has "memory $i: nsinit lives to say so" "$OUT" "nsinit:"; clean_after "memory $i" "$before"
        "$NS" --root "$C" state >/dev/null 2>&1
    done
    # devices: the filter, on v2 a program
    conf "$ALL" '"cgroups":{"parent":"p","name":"dev"}'
    sh_ 'for n in "mem c 1 1" "kmsg c 1 11" "loop b 7 0" "port c 1 4"; do mknod /dev/my$n 2>&1 && echo made ${n%% *}; done
        for n in mymem mykmsg myloop; do (: </dev/$n) 2>&1; done; (: >/dev/mykmsg) 2>&1
        echo x >/dev/null && head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; (: </dev/tty) 2>&1 | sed "s/.*: //"
        mknod /tmp/null c 1 3 && echo y >/tmp/null && echo own null; mknod /tmp/tun c 10 200; (: <>/tmp/tun) 2>&1 && echo tun; ls -l /dev/mymem'
    has "mknod of any is allowed" "$OUT" "made mem"; has "mknod of a block device" "$OUT" "made loop"
    for d in mymem mykmsg myloop; do has "open of $d is EPERM" "$OUT" "/dev/$d: Operation not permitted"; done
    eq "zero and urandom work" "$(grep -cx 4 <<<"$OUT")" 2; has "null works, through another node too" "$OUT" "own null"
    has "tun is let through" "$OUT" "tun"
    start && { sh_ 'mknod /dev/mymem c 1 1; (: </dev/mymem) 2>&1'; has "the filter holds a join" "$OUT" "Operation not permitted"; stop; }
    conf "$ALL" '"cgroups":{"parent":"p","name":"dev","device_access":true}'
    sh_ 'mknod /dev/mykmsg c 1 11; (: </dev/mykmsg) && echo opened'; has "device_access true: no filter" "$OUT" opened
    conf "$ALL" '"cgroups":{"parent":"p","name":"dev","devices":[{"allow":true,"type":"c","major":1,"minor":11,"access":"r"}]}'
    sh_ 'mknod /dev/mykmsg c 1 11; (: </dev/mykmsg) && echo opened; (: >/dev/mykmsg) 2>&1'
    has "a rule of its own allows reading" "$OUT" opened; has "and not writing" "$OUT" "Operation not permitted"
    conf "$ALL" '"cgroups":{"parent":"p","name":"dev","devices":[{"allow":false,"type":"a"},{"allow":true,"type":"c","major":1,"minor":3}]}'
    sh_ 'echo x >/dev/null && echo null; (: </dev/zero) 2>&1; mknod /tmp/m c 1 1 2>&1'
    has "a list that begins with deny all: starts" "$OUT" null; has "  and zero is denied" "$OUT" "zero: Operation not permitted"; has "  and mknod" "$OUT" "/tmp/m: Operation not permitted"
    [ $ST != 125 ] || echo "      | $OUT"
    conf "$ALL" '"devices":["/dev/kmsg"],"cgroups":{"parent":"p","name":"dev"}'
    sh_ '(: </dev/kmsg) && echo opened'; has "devices: [/dev/kmsg] passes the filter" "$OUT" opened
    clean_after "devices" "$before"

    # SIGKILL of nsinit; state cleans up
    conf "$ALL" '"cgroups":{"parent":"deep/er","name":"killed","memory":67108864,"pids_limit":50,"cpuset_cpus":"0"}'
    if start; then
        kill -KILL $np; wait $np 2>/dev/null
        if gone $pid; then ok "SIGKILL of nsinit: pid 1 dies"; else bad "SIGKILL of nsinit: pid 1 dies"; kill -KILL $pid; fi
        OUT=$("$NS" --root "$C" state 2>&1); echo "      | state: ${OUT//$'\n'/ }"
        clean_after "SIGKILL and state" "$before"
    fi
    if start; then
        kill -KILL $np; wait $np 2>/dev/null; gone $pid
        sh_ 'echo again'; has "exec after SIGKILL starts anew" "$OUT" again; clean_after "SIGKILL and exec" "$before"
    fi
    # without a pid namespace all of the group is killed
    conf '"NEWNS"' '"cgroups":{"parent":"deep","name":"nopid","memory":67108864}'
    sh_ 'setsid sleep 4321 >/dev/null 2>&1 & setsid sleep 4321 >/dev/null 2>&1 & sleep 0.3; echo out'
    has "no NEWPID: runs" "$OUT" out; no "no NEWPID: nothing outlives pid 1" pgrep -f '^sleep 4321'; clean_after "no NEWPID" "$before"
    if start; then
        sh_ 'setsid sleep 4322 >/dev/null 2>&1 & sleep 0.1'
        kill -KILL $np; wait $np 2>/dev/null; gone $pid; $B sleep 1; "$NS" --root "$C" state >/dev/null 2>&1
        no "no NEWPID, SIGKILL: nothing is alive" pgrep -f '^sleep 4322'; clean_after "no NEWPID, SIGKILL" "$before"
    fi

    # parents
    conf "$ALL" '"cgroups":{"parent":"mine/sub","name":"x","pids_limit":50}'
    v=$(hier pids)
    mkdir -p $v/mine/other; sh_ true; yes "a parent that was there survives" test -d $v/mine/other
    no "but not what was made below it" test -d $v/mine/sub
    $B sleep 999 & d=$!
    mkdir -p $v/mine/sub; start && { mkdir $v/mine/sub/late; echo $d >$v/mine/sub/late/cgroup.procs; stop
        yes "a parent that others use survives" grep -qx $d $v/mine/sub/late/cgroup.procs; }
    echo $d >$v/cgroup.procs; rmdir $v/mine/sub/late $v/mine/sub $v/mine/other $v/mine 2>/dev/null
    if v2; then # no inner processes
        mkdir -p $v/busy; echo $d >$v/busy/cgroup.procs
        conf "$ALL" '"cgroups":{"parent":"busy","name":"x","memory":67108864}'
        sh_ true; eq "a parent with processes: refused" $ST 125; has "  says so" "$OUT" "processes of its own"
        echo "      | $OUT"; no "  nothing left" test -d $v/busy/x
        conf "$ALL" '"cgroups":{"parent":"busy/sub","name":"x","pids_limit":20}'
        sh_ true; echo "      | pids only below a parent with processes: $ST $OUT"
        eq "  the parent's subtree_control is as before" "$(<$v/busy/cgroup.subtree_control)" ""
        no "  nothing left" test -d $v/busy/sub
        conf "$ALL" '"cgroups":{"parent":"busy","name":"x","pids_limit":20}'
        sh_ true; echo "      | pids only, one level: $ST $OUT"
        eq "  the parent's subtree_control is as before" "$(<$v/busy/cgroup.subtree_control)" ""
        mkdir $v/busy/y; eq "  and a group below it is usable" "$(<$v/busy/y/cgroup.type)" domain; rmdir $v/busy/y
        echo $d >$v/cgroup.procs; rmdir $v/busy
        mkdir $v/busy; echo $d >$v/busy/cgroup.procs
        conf "$ALL" '"cgroups":{"parent":"","name":"busy","memory":67108864}'
        sh_ true; eq "a group with processes: refused" $ST 125; echo "      | $OUT"
        echo $d >$v/cgroup.procs; rmdir $v/busy
    fi
    kill $d; wait $d 2>/dev/null
    # nothing is left behind by a failing start either
    conf "$ALL" '"cgroups":{"parent":"fail/ing","name":"x","cpuset_cpus":"0-300"}'
    sh_ true; eq "cpuset that is not there: refused" $ST 125; echo "      | $OUT"; clean_after "failed start" "$before"
    conf "$ALL" '"cgroups":{"memory_high":50000000}'
    sh_ true; if v2; then eq "memory_high" $ST 0; else eq "memory_high is refused" $ST 125; has "  by name" "$OUT" memory; fi
    conf "$ALL,\"NEWCGROUP\"" '"cgroups":{"parent":"p","name":"ns","pids_limit":50}'
    sh_ 'cat /proc/self/cgroup'; if v2; then eq "NEWCGROUP: the root is the own group" "$OUT" "0::/"; else has "NEWCGROUP" "$OUT" ":pids:/"; fi
    start && { sh_ 'cat /proc/self/cgroup'; if v2; then eq "NEWCGROUP: in a join too" "$OUT" "0::/"; else has "NEWCGROUP in a join" "$OUT" ":pids:/"; fi; stop; }
    conf "$ALL,\"NEWUSER\"" '"cgroups":{"parent":"p","name":"user","pids_limit":50,"memory":67108864},"uid_mappings":[{"container_id":0,"host_id":100000,"size":65536}],"gid_mappings":[{"container_id":0,"host_id":100000,"size":65536}]'
    chmod 755 /tmp/cg "$R"; sh_ 'id -u; cat /proc/self/cgroup'; has "NEWUSER with limits" "$OUT" "p/user"
    clean_after "the end" "$before"
    local i out=() # eight at a time below one parent
    mkdir /tmp/many; for i in 1 2 3 4 5 6 7 8; do mkdir -p /tmp/many/$i; echo '{"environment":["PATH=/bin"],"namespaces":["NEWNS","NEWPID","NEWUTS"],"cgroups":{"parent":"many/deep","memory":67108864,"pids_limit":20}}' >/tmp/many/$i/container.json
        (for n in 1 2 3; do "$NS" --root /tmp/many/$i exec /bin/true || echo "run $i.$n: $?"; done) >/tmp/many/$i/out 2>&1 & out+=($!); done
    wait "${out[@]}"; eq "24 starts, 8 at a time, one parent" "$(cat /tmp/many/*/out)" ""; clean_after "8 at a time" "$before"
    # SIGKILL at any moment
    conf "$ALL" '"cgroups":{"parent":"p/any","memory":67108864,"pids_limit":20},"networks":[{"type":"veth","context":{"bridge":"br8","create":"true"}}]'
    ip link add br8 type bridge
    for i in 2 5 8 11 14 17 20 23 26 29 32 35 38 41 44 47 50 55 60 70; do
        "$NS" --root "$C" exec /bin/sleep 777 >/dev/null 2>&1 & np=$!; $B usleep ${i}000; kill -KILL $np; wait $np 2>/dev/null; $B usleep 500000
        no "SIGKILL after $i ms: nothing is alive" pgrep -f "sleep 777"
        OUT=$("$NS" --root "$C" state 2>&1) || bad "state" "$OUT"
        [ "$(groups_now)" = "$before" ] && ! ip -o link | grep -q ' veth' && ok "SIGKILL after $i ms: nothing is left" || bad "SIGKILL after $i ms: nothing is left" "$(groups_now)" "$(ip -o link)"
    done 2>/dev/null
    clean_after "SIGKILL at any moment" "$before"; ip link del br8
    echo "      | records: $(find /run/nsinit -type f 2>/dev/null | wc -l)"
    cd /
}

# ------------------------------------------------------------------ an ordinary user
suite_user() {
    v2 || { skip "delegation is for cgroup v2"; return; }
    local before g=$CG/deleg l
    box /tmp/us; chown -R 1000:1000 /tmp/us
    as() { setpriv --reuid 1000 --regid 1000 --clear-groups "$@"; }
    # As uid 1000, alone in the group $1.
    urun() { OUT=$(echo $BASHPID >$1/cgroup.procs; shift; as timeout 60 "$NS" --root "$C" exec "$@" 2>&1 </dev/null); ST=$?; }
    delegate() { mkdir -p $g; chown 1000:1000 $g $g/cgroup.{procs,subtree_control,threads}; echo "$1" >$g/cgroup.subtree_control; before=$(groups_now); }
    undo() { local p; for p in $(cat $(find $g -name cgroup.procs)); do echo $p >$CG/cgroup.procs; done; find $g -depth -type d -exec rmdir {} +; }
    left() { eq "$1: nothing left" "$(groups_now)" "$before"; eq "$1: cgroup.type" "$(get $g/cgroup.type)" domain; eq "$1: subtree_control" "$(get $g/cgroup.subtree_control)" "$2"; }
    NSU='"NEWUSER","NEWNS","NEWUTS","NEWIPC","NEWPID","NEWNET"'
    conf "$NSU"; urun $CG /bin/sh -c 'id -u; cat /proc/self/cgroup'
    eq "no cgroups asked for: runs" "$ST ${OUT//$'\n'/ }" "0 0 0::/"
    conf "$NSU" '"cgroups":{"memory":67108864,"device_access":true}'
    before=$(groups_now); urun $CG /bin/true; eq "not delegated: refused" $ST 125; has "  with a hint" "$OUT" "delegated"; eq "  nothing left" "$(groups_now)" "$before"
    delegate ""
    conf "$NSU" '"cgroups":{"parent":"p"}'; urun $g /bin/true; eq "a device filter: refused" $ST 125; has "  with a hint" "$OUT" "device_access"; left "  filter"
    conf "$NSU" '"cgroups":{"device_access":true}'; urun $g /bin/cat /proc/self/cgroup
    eq "group without limits: runs" $ST 0; has "  below his own" "$OUT" "0::/deleg/nsinit/"; left "  no limits"
    for l in memory:67108864 pids_limit:20 cpu_shares:512 cpuset_cpus:'"0"'; do
        conf "$NSU" "\"cgroups\":{\"${l%:*}\":${l#*:},\"device_access\":true}"
        urun $g /bin/cat /proc/self/cgroup; eq "$l, with nsinit in the only group that was delegated: refused" $ST 125; has "  says why" "$OUT" "processes of its own"
        echo "      | $ST $OUT"; left "  $l"; undo; delegate ""
    done
    undo; delegate "+memory +pids +cpu +cpuset"; as mkdir $g/job; before=$(groups_now)
    conf "$NSU" '"cgroups":{"memory":67108864,"pids_limit":20,"device_access":true}'
    urun $g/job /bin/cat /proc/self/cgroup; eq "in a leaf of his delegation: runs" "$ST" 0; echo "      | $OUT"; eq "  nothing left" "$(groups_now)" "$before"
    OUT=$(echo $BASHPID >$g/job/cgroup.procs; as "$NS" --root "$C" check 2>&1); echo "      | check: $? ${OUT//$'\n'/$'\n      | '}"
    undo; delegate "+memory +pids +cpu +cpuset"; as mkdir $g/job
    conf '"NEWNS","NEWPID"' '"cgroups":{"device_access":true}'
    OUT=$(echo $BASHPID >$g/job/cgroup.procs; as unshare -Ur "$NS" --root "$C" exec /bin/cat /proc/self/cgroup 2>&1); echo "      | root of an own user namespace: $? $OUT"
    conf "$NSU" '"cgroups":{"device_access":true}'; before=$(groups_now)
    (echo $BASHPID >$g/job/cgroup.procs; exec setpriv --reuid 1000 --regid 1000 --clear-groups "$NS" --root "$C" exec /bin/sleep 888) >/dev/null 2>&1 & np=$!
    wait_for '[ -s "$C/pid" ]'; pid=$(<"$C/pid"); has "SIGKILL: was in the group" "$(<"/proc/$pid/cgroup")" /deleg/job/nsinit/
    OUT=$(echo $BASHPID >$g/job/cgroup.procs; as "$NS" --root "$C" exec /bin/cat /proc/self/cgroup 2>&1); has "a join is in the group" "$OUT" "/deleg/job/nsinit/"
    OUT=$(as "$NS" --root "$C" exec /bin/cat /proc/self/cgroup 2>&1); echo "      | a join from outside of the delegation: $? $OUT"
    kill -KILL $np; wait $np 2>/dev/null; if gone $pid; then ok "SIGKILL: dies"; else bad "SIGKILL: dies"; fi
    as "$NS" --root "$C" state >/dev/null; eq "SIGKILL: nothing left" "$(groups_now)" "$before"
    undo; cd /
}

# ------------------------------------------------------------------ AppArmor
suite_apparmor() {
    [ "$(get /sys/module/apparmor/parameters/enabled)" = Y ] || { skip "AppArmor is off"; return; }
    box /tmp/aa
    local A='"context":{"apparmor_profile":"nsinit-default"}' l
    conf "$ALL" "$A"; sh_ true; eq "not loaded: refused" $ST 125; has "  with a hint" "$OUT" "nsinit apparmor --load"; echo "      | $OUT"
    OUT=$("$NS" --root "$C" check 2>&1); l=$?; has "check says not loaded" "$OUT" "apparmor"; echo "      | check: $l ${OUT//$'\n'/$'\n      | '}"
    OUT=$("$NS" apparmor --load 2>&1); eq "apparmor --load" $? 0; echo "      | $OUT"
    OUT=$("$NS" apparmor --load 2>&1); eq "apparmor --load again" $? 0; echo "      | $OUT"
    yes "the profile is loaded" grep -q '^nsinit-default (enforce)' /sys/kernel/security/apparmor/profiles
    OUT=$("$NS" --root "$C" check 2>&1); eq "check after loading" $? 0; echo "      | ${OUT//$'\n'/$'\n      | '}"
    conf "$ALL" '"context":{"apparmor_profile":"no-such"}'; sh_ true; eq "another: refused" $ST 125; has "  with a hint" "$OUT" "apparmor_parser"
    conf "$ALL" '"context":{"apparmor_profile":""}'; sh_ 'cat /proc/self/attr/current'; eq "empty is none" "$OUT" unconfined
    conf "$ALL" '"context":{"apparmor_profile":"unconfined"}'; sh_ 'cat /proc/self/attr/current'; eq "unconfined" "$OUT" unconfined
    conf "$ALL" "$A,\"masked_paths\":[],\"readonly_paths\":[]"
    start || return
    eq "label of pid 1 from outside" "$(tr -d '\0' </proc/$pid/attr/current)" "nsinit-default (enforce)"
    "$NS" --root "$C" exec sleep 4444 & l=$!
    wait_for 'j=$(pgrep -f "^sleep 4444")'
    eq "label of a join from outside" "$(tr -d '\0' </proc/$j/attr/current)" "nsinit-default (enforce)"
    kill -9 $j; wait $l 2>/dev/null
    local t='mount -t tmpfs t /mnt; mount -o bind /bin /mnt; mount -o remount,rw /sys; echo 1 >/proc/sys/kernel/sysrq; echo h >/proc/sysrq-trigger
        echo x >/proc/sys/kernel/core_pattern; echo x >/proc/sys/vm/swappiness; head -c 1 /proc/kcore; ls /sys/firmware/; ls /sys/kernel/security; ls /sys/kernel/debug; pivot_root /mnt /mnt
        cat /proc/sys/kernel/hostname >/dev/null && echo read hostname; hostname other && echo renamed; echo 1 >/proc/sys/net/ipv4/ip_forward && echo forward
        echo 2 >/proc/sys/kernel/shm_rmid_forced; echo file >/tmp/f && echo wrote; ping -c1 127.0.0.1 >/dev/null && echo ping; kill -0 1 && echo signal; umount /mnt; echo changeprofile unconfined >/proc/self/attr/exec'
    # What the mounts forbid anyway would hide the profile: /proc/sys is writable here, the denials are the profile's.
    sh_ "$t"
    echo "      | ${OUT//$'\n'/$'\n      | '}"
    for l in "mounting t on /mnt failed: Permission denied" "sysrq: Permission denied" "sysrq-trigger: Permission denied" "core_pattern: Permission denied" "swappiness: Permission denied"; do has "a join: $l" "$OUT" "$l"; done
    has "kcore is denied" "$OUT" "/proc/kcore: Permission denied"
    for l in "read hostname" renamed wrote ping signal forward; do has "allowed: $l" "$OUT" "$l"; done
    stop
    run /bin/sh -c "$t"; for l in "mounting t on /mnt failed: Permission denied" "core_pattern: Permission denied"; do has "pid 1: $l" "$OUT" "$l"; done
    conf "$ALL" "$A,\"masked_paths\":[],\"readonly_paths\":[],\"no_new_privileges\":true"
    sh_ 'cat /proc/self/attr/current; mount -t tmpfs t /mnt'; has "with no_new_privileges" "$OUT" "nsinit-default (enforce)"; has "  denies" "$OUT" "failed: Permission"
    conf "$ALL,\"NEWUSER\"" "$A"; sh_ 'cat /proc/self/attr/current; mount -t tmpfs t /mnt'; has "with NEWUSER" "$OUT" "nsinit-default (enforce)"
    conf "$ALL" "$A,\"tty\":true"; run /bin/sh -c 'tty; cat /proc/self/attr/current; echo hi >/dev/console'; has "with a tty" "$OUT" "nsinit-default (enforce)"; echo "      | ${OUT//$'\n'/$'\n      | '}"
    conf "$ALL" "$A,\"user\":\"1000\",\"capabilities\":[]"; sh_ 'cat /proc/self/attr/current; id -u'; eq "as a user without capabilities" "${OUT//$'\n'/ }" "nsinit-default (enforce) 1000"
    conf "\"NEWNS\"" "$A"; sh_ 'cat /proc/self/attr/current; sleep 4555 >/dev/null 2>&1 & sleep .1'; has "without NEWPID" "$OUT" "nsinit-default (enforce)"; no "  ends all" pgrep -f '^sleep 4555'
    if start; then kill -KILL $np; wait $np 2>/dev/null; if gone $pid; then ok "SIGKILL ends a confined container"; else bad "SIGKILL ends a confined container"; kill -9 $pid; fi; "$NS" --root "$C" state; fi
    conf "$ALL" "$A"; start && { kill -INT $np; $B usleep 200000; stop; eq "signals are forwarded to a confined program" $ST 130; }
    # a profile that forbids to execute the program: the message
    printf 'profile lc-noexec flags=(attach_disconnected) {\n /** rw,\n}\n' | apparmor_parser -r && {
        conf "$ALL" '"context":{"apparmor_profile":"lc-noexec"}'; sh_ '/bin/busybox ls 2>&1; true'; has "a profile without x: no program" "$OUT" "Permission denied"; }
    printf 'profile "lc two words" flags=(attach_disconnected,complain) {\n file,\n}\n' | apparmor_parser -r && {
        conf "$ALL" '"context":{"apparmor_profile":"lc two words"}'; sh_ 'cat /proc/self/attr/current'; eq "a name with blanks, complain" "$OUT" "lc two words (complain)"; }
    conf "$ALL" '"context":{"apparmor_profile":"nsinit-default//&lc two words"}'; sh_ 'cat /proc/self/attr/current'; echo "      | stack: $ST $OUT"
    box /tmp/aau; chown -R 1000 /tmp/aau; conf "\"NEWUSER\",$ALL" "$A"
    OUT=$(setpriv --reuid 1000 --regid 1000 --clear-groups "$NS" --root "$C" exec /bin/cat /proc/self/attr/current 2>&1); eq "an ordinary user" "$OUT" "nsinit-default (enforce)"
    apparmor_oci; cd /
}

apparmor_oci() { # process.apparmorProfile of config.json
    local rt=${NS%/nsinit/nsinit}/nsrun/nsrun caps='["CAP_SYS_ADMIN"]' before
    box /tmp/aar; before=$(groups_now); cd $C
    bundle() {
        echo '{"ociVersion":"1.2.0","root":{"path":"rootfs"},"mounts":[{"destination":"/proc","type":"proc","source":"proc"}],
        "linux":{"namespaces":[{"type":"pid"},{"type":"mount"},{"type":"uts"},{"type":"ipc"},{"type":"network"}],"cgroupsPath":"/aar"},
        "process":{"cwd":"/","args":["/bin/sleep","1000"],"env":["PATH=/bin"],"user":{"uid":0,"gid":0},"apparmorProfile":"'$1'",
        "capabilities":{"bounding":'$caps',"effective":'$caps',"permitted":'$caps'}}}' >$C/config.json
    }
    bundle no-such; OUT=$("$rt" --root $C/state run -d aar 2>&1 </dev/null); no "config.json, a profile that is not loaded: refused" [ $? = 0 ]; has "  says which" "$OUT" no-such
    "$rt" --root $C/state delete -f aar >/dev/null 2>&1
    bundle nsinit-default; "$rt" --root $C/state run -d aar >$C/out 2>&1 </dev/null; eq "config.json: starts" "$? $(<$C/out)" "0 "
    pid=$("$rt" --root $C/state state aar | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
    eq "config.json: label of the container from outside" "$(tr -d '\0' </proc/$pid/attr/current)" "nsinit-default (enforce)"
    OUT=$("$rt" --root $C/state exec aar /bin/sh -c 'cat /proc/self/attr/current; mount -t tmpfs t /mnt; echo x >/proc/sys/kernel/core_pattern' 2>&1)
    has "config.json: exec has the label" "$OUT" "nsinit-default (enforce)"; has "  denies mount" "$OUT" "mounting t on /mnt failed: Permission denied"; has "  and core_pattern" "$OUT" "core_pattern: Permission denied"
    OUT=$("$rt" --root $C/state exec --apparmor "lc two words" aar /bin/cat /proc/self/attr/current 2>&1); has "config.json: exec --apparmor" "$OUT" "lc two words"
    "$rt" --root $C/state delete -f aar; clean_after "config.json" "$before"
}

# ------------------------------------------------------------------ a representative set for each kernel
suite_kernel() {
    local l id=11bb30683fb0bdd57fab4d3a8238877f1e4395a2cfc7320ea359f7a02c1a5620 s before n
    box /tmp/k; before=$(groups_now)
    s=/var/lib/docker/containers/$id; mkdir -p $s; for l in resolv.conf hostname hosts; do echo "content of $l" >$s/$l; done
    ip link add docker0 type bridge && ip addr add 172.17.42.1/16 dev docker0 && ip link set docker0 up
    mnt() { echo "{\"source\":\"$s/$1\",\"writable\":false,\"destination\":\"/etc/$1\",\"private\":true}"; }
    conf "$ALL" '"hostname":"koye","tty":true,"networks":[{"gateway":"172.17.42.1","context":{"bridge":"docker0","prefix":"veth"},"address":"172.17.0.2/16","type":"veth","mtu":1500}],"cgroups":{"parent":"docker","name":"'$id'"},
        "capabilities_mask":["SETPCAP","SYS_MODULE","SYS_RAWIO","SYS_PACCT","SYS_ADMIN","SYS_NICE","SYS_RESOURCE","SYS_TIME","SYS_TTY_CONFIG","MKNOD","AUDIT_WRITE","AUDIT_CONTROL","MAC_OVERRIDE","MAC_ADMIN","NET_ADMIN"],
        "mounts":['"$(mnt resolv.conf),$(mnt hostname),$(mnt hosts)"']'
    sh_ 'hostname; ip -o addr show eth0; ip route; ping -c1 -w5 172.17.42.1; grep CapBnd /proc/self/status; cat /etc/hosts; (echo x >/etc/hosts) 2>&1; tty; cat /proc/self/cgroup'
    for l in koye "inet 172.17.0.2/16" "default via 172.17.42.1" "0% packet loss" "content of hosts" "Read-only file system" /dev/ "$id"; do has "README sample: $l" "$OUT" "$l"; done
    l=$(grep -o 'CapBnd:.*' <<<"$OUT" | tr -dc 'a-f0-9' | tail -c 16); n=$(printf %x $(( 0x$(grep CapBnd /proc/self/status | tr -dc 'a-f0-9' | tail -c 16) & ~((1<<8)|(1<<12)|(3<<16)|(3<<20)|(31<<23)|(3<<29)|(3<<32)) )))
    eq "README sample: CapBnd" "$((0x${l:-0}))" "$((0x$n))"
    l=$(ip -o link | grep -c veth); eq "README sample: no veth left" "$l" 0; clean_after "README sample" "$before"
    script -qec "$NS --root $C exec /bin/sh -c 'tty; stty size; hostname'" /dev/null >/tmp/k/typed </dev/null 2>&1; has "under script" "$(</tmp/k/typed)" koye
    has "under script: a tty" "$(</tmp/k/typed)" /dev/
    start; sh_ 'hostname; tty; ip -o addr show eth0'; has "join with a tty and a network" "$OUT" 172.17.0.2; has "join: host name" "$OUT" koye; stop
    kill -0 $pid 2>/dev/null && bad "ended"
    start; kill -KILL $np; wait $np 2>/dev/null; if gone $pid; then ok "SIGKILL of nsinit: dies"; else bad "SIGKILL of nsinit: dies"; kill -9 $pid; fi
    "$NS" --root $C state >/dev/null 2>&1; eq "SIGKILL: no veth left" "$(ip -o link | grep -c veth)" 0; clean_after "SIGKILL" "$before"
    conf "$ALL" '"networks":[{"type":"veth","address":["10.9.0.2/24","fd00::2/64"],"gateway":["10.9.0.1","fd00::1"],"context":{"bridge":"br9","create":"true","bridge_address":"10.9.0.1/24"}},{"type":"loopback","mtu":9000}]'
    sh_ 'ip -o addr; ip route; ip -6 route; ping -c1 -w5 10.9.0.1; cat /sys/class/net/lo/mtu'; for l in 10.9.0.2 fd00::2 "0% packet loss" 9000; do has "veth+create+v6: $l" "$OUT" "$l"; done
    ip link del br9

    conf "$ALL,\"NEWUSER\",\"NEWCGROUP\",\"NEWTIME\"" '"uid_mappings":[{"container_id":0,"host_id":100000,"size":65536}],"gid_mappings":[{"container_id":0,"host_id":100000,"size":65536}]'
    chmod 755 $C $R; chmod 1777 $R/tmp
    if start; then
        for n in mnt uts ipc pid net user cgroup time; do
            if [ "$(readlink /proc/$pid/ns/$n)" != "$(readlink /proc/self/ns/$n)" ]; then ok "eight namespaces: $n differs"; else bad "eight namespaces: $n differs"; fi; done
        l=; for n in mnt uts ipc pid net user cgroup time; do l+="$(readlink /proc/$pid/ns/$n) "; done
        sh_ 'for n in mnt uts ipc pid net user cgroup time; do echo -n "$(readlink /proc/self/ns/$n) "; done'; eq "eight namespaces: a join has the same" "$OUT" "$l"
        sh_ 'id -u; cat /proc/self/uid_map; touch /tmp/q; ls -ln /tmp/q; mount | grep -c .; (echo 1 >/proc/sys/kernel/sysrq) 2>&1; echo hi >/dev/null && echo null; (mknod /tmp/z c 1 5) 2>&1'
        has "user namespace: root inside" "$OUT" $'0\n         0     100000'; has "user namespace: /dev/null" "$OUT" null; eq "user namespace: owner outside" "$(stat -c %u $R/tmp/q 2>/dev/null)" 100000
        stop
    fi
    mkdir -p /tmp/k/data/sub/subsub; mount -t tmpfs t /tmp/k/data/sub; mkdir -p /tmp/k/data/sub/deep; mount -t tmpfs t2 /tmp/k/data/sub/deep
    conf "$ALL" '"mounts":[{"source":"/tmp/k/data","destination":"/data","writable":false},{"source":"/tmp/k/data","destination":"/rw","writable":true},{"destination":"/t","type":"tmpfs","options":["size=1m","mode=700"]}],"masked_paths":["/proc/kcore","/proc/acpi","/tmp"],"readonly_paths":["/proc/sys","/bin"],"readonly_fs":true'
    t='for d in /data /data/sub /data/sub/deep /rw /rw/sub /rw/sub/deep /t /tmp /bin / /proc/sys/kernel/sysrq; do if [ -d $d ]; then f=$d/new; else f=$d; fi; if (echo 1 >$f) 2>/dev/null; then echo "w $d"; else echo "r $d"; fi; done; head -c1 /proc/kcore | wc -c; ls /proc/acpi | wc -c; umount /data/sub/deep 2>&1; mount -o remount,rw,bind /data 2>&1; (echo 1 >/data/n) 2>&1; ls -d /data/sub/deep'
    sh_ "$t"; for l in "r /data" "r /data/sub" "r /data/sub/deep" "w /rw" "w /rw/sub" "w /rw/sub/deep" "w /t" "r /tmp" "r /bin" "r /" "r /proc/sys/kernel/sysrq"; do if grep -qxF "$l" <<<"$OUT"; then ok "mounts: $l"; else bad "mounts: $l" "$OUT"; fi; done
    start && { sh_ "$t"; if grep -qxF "r /data/sub/deep" <<<"$OUT"; then ok "mounts, seen by a join"; else bad "mounts, seen by a join" "$OUT"; fi; stop; }
    conf "$ALL,\"NEWUSER\"" '"mounts":[{"source":"/tmp/k/data","destination":"/data","writable":false},{"source":"/tmp/k/data","destination":"/rw","writable":true}],"uid_mappings":[{"container_id":0,"host_id":100000,"size":65536}],"gid_mappings":[{"container_id":0,"host_id":100000,"size":65536}]'
    chmod -R 777 /tmp/k/data; sh_ "$t"; for l in "r /data" "r /data/sub" "r /data/sub/deep" "w /rw/sub/deep"; do if grep -qxF "$l" <<<"$OUT"; then ok "mounts in a user namespace: $l"; else bad "mounts in a user namespace: $l" "$OUT"; fi; done
    umount /tmp/k/data/sub/deep /tmp/k/data/sub

    conf "$ALL" '"no_pivot_root":true'; sh_ 'ls /; cat /proc/self/mountinfo | wc -l; ls -d /../run/vm-run 2>&1; true'; eq "no_pivot_root" $ST 0; has "no_pivot_root: no way out" "$OUT" "vm-run: No such"
    conf '"NEWUTS","NEWPID"'; sh_ 'echo $$; ls /bin/busybox'; eq "no NEWNS (chroot)" "$ST" 0
    conf '"NEWNS"'; sh_ 'setsid sleep 4567 >/dev/null 2>&1 & sleep .2; echo x'; has "no NEWPID" "$OUT" x; no "no NEWPID: all is ended" pgrep -f '^sleep 4567'
    if start; then kill -KILL $np; wait $np 2>/dev/null; if gone $pid; then ok "no NEWPID: guard kills"; else bad "no NEWPID: guard kills"; kill -9 $pid; fi; "$NS" --root $C state >/dev/null; fi
    conf "$ALL" '"sysctl":{"net.ipv4.ip_forward":"1","kernel.shmmax":123456},"rlimits":[{"type":"RLIMIT_NOFILE","soft":33,"hard":44}],"devices":["/dev/fuse"],"no_new_privileges":true,"oom_score_adj":100,"umask":"027","hostname":"h","domainname":"d"'
    sh_ 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax /proc/self/oom_score_adj; ulimit -n; umask; grep NoNewPrivs /proc/self/status; ls -l /dev/fuse; dnsdomainname 2>&1 | head -1; cat /proc/sys/kernel/domainname'
    eq "sysctl, rlimits, umask ..." "$(head -5 <<<"$OUT" | tr '\n' ' ')" "1 123456 100 33 0027 "; has "device" "$OUT" "crw"
    conf "$ALL"; sh_ 'exit 42'; eq "status" $ST 42; sh_ 'kill -9 $$; exit 3'; run /nope; eq "not found" $ST 127; echo x >$R/bin/plain; run /bin/plain; eq "not executable" $ST 126
    yes "seq 20000 whole" [ "$("$NS" --root $C exec seq 20000 | (sleep 1; md5sum))" = "$(seq 20000 | md5sum)" ]
    start; for n in 1 2 3 4 5 6 7 8 9 10; do run /bin/sh -c 'cat /proc/1/cmdline | tr "\0" " " | head -c 7; exit 9'; [ $ST = 9 ] && [ "$OUT" = "/bin/sh" ] || bad "join $n" "$ST $OUT"; done; ok "10 joins"; stop
    OUT=$("$NS" --root "$C" check 2>&1); n=$?; eq "check" $n 0; [ $n = 0 ] || echo "      | ${OUT//$'\n'/$'\n      | '}"
    ip link del docker0; clean_after kernel "$before"; cd /
}

# ------------------------------------------------------------------ what is switched off: refused by name (vm-run --lsm none --append cgroup_disable=memory)
suite_refusals() {
    local before l; box /tmp/no; before=$(groups_now)
    refused() { sh_ true; eq "$1: refused" $ST 125; has "  says what" "$OUT" "$2"; echo "      | $OUT"; clean_after "$1" "$before"
        OUT=$("$NS" --root "$C" check 2>&1); eq "$1: check says so" "$? $(grep -c 'NOT supp' <<<"$OUT" | tr 1-9 x)" "1 x"; }
    conf "$ALL" '"context":{"apparmor_profile":"nsinit-default"}'; refused "AppArmor off" "apparmor=1"
    OUT=$("$NS" apparmor --load 2>&1); no "apparmor --load fails" [ $? = 0 ]; echo "      | $OUT"
    conf "$ALL" '"context":{"process_label":"system_u:system_r:container_t:s0"}'; refused "SELinux off" SELinux
    conf "$ALL" '"context":{"mount_label":"system_u:object_r:container_file_t:s0"}'; refused "SELinux off, mounts" SELinux
    if ! grep -q '^memory.*1$' /proc/cgroups; then
        conf "$ALL" '"cgroups":{"memory":67108864}'; refused "no memory controller" memory
        conf "$ALL" '"cgroups":{"pids_limit":9}'; sh_ 'echo fine'; eq "others work" "$OUT" fine
    else
        conf "$ALL" '"cgroups":{"memory":67108864}'; sh_ 'echo fine'; eq "memory without swap accounting" "$OUT" fine
        mkdir $(hier memory)/probe; l=$(ls $(hier memory)/probe | grep -c -e swap.max -e memsw.limit); rmdir $(hier memory)/probe
        if [ "$l" != 0 ]; then skip "this kernel accounts swap all the same"; else
            conf "$ALL" '"cgroups":{"memory":67108864,"memory_swap":67108864}'; refused "no swap accounting" memory_swap; fi
    fi
    echo 0 >/proc/sys/user/max_user_namespaces
    conf "$ALL,\"NEWUSER\""; refused "no user namespaces" "_namespaces"
    echo 9999 >/proc/sys/user/max_user_namespaces
    echo 0 >/proc/sys/user/max_net_namespaces; conf "$ALL"; refused "no net namespaces" "_namespaces"; echo 9999 >/proc/sys/user/max_net_namespaces
    if [ -e /proc/sys/kernel/unprivileged_userns_clone ]; then
        echo 0 >/proc/sys/kernel/unprivileged_userns_clone; conf "$ALL,\"NEWUSER\""; chown -R 1000 $C
        OUT=$(setpriv --reuid 1000 --regid 1000 --clear-groups "$NS" --root "$C" exec /bin/true 2>&1); has "unprivileged_userns_clone" "$OUT" unprivileged_userns_clone; echo "      | $OUT"
        echo 1 >/proc/sys/kernel/unprivileged_userns_clone
    fi
    OUT=$(setpriv --reuid 1000 --regid 1000 --clear-groups "$NS" apparmor --load 2>&1); echo "      | --load as a user: $? $OUT"
    conf "$ALL"; OUT=$(setpriv --reuid 1000 --regid 1000 --clear-groups "$NS" --root "$C" exec /bin/true 2>&1); has "an ordinary user without NEWUSER" "$OUT" "add a user namespace"; echo "      | $OUT"
    cd /
}

suite_units() {
    local t
    for t in $UNITS; do
        OUT=$(timeout 250 "$t" 2>&1); ST=$?; eq "${t##*/}" $ST 0
        grep -E 'FAILED|PASSED|ERROR|SKIP|error' <<<"$OUT" | sed 's/^/      | /'
    done
}

echo "      kernel $(uname -r), $(v2 && echo v2 || { [ -d $CG/unified ] && echo hybrid || echo v1; }), apparmor $(get /sys/module/apparmor/parameters/enabled), cpus $(nproc)"
for suite; do t0=$SECONDS; suite_$suite; echo "      $suite: $((SECONDS - t0)) s"; done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
