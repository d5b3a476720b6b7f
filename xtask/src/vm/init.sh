#!/bin/busybox sh
# The init process of the virtual machines of `cargo xtask vm`. It mounts the file systems that a host has, loads the
# modules, runs the commands in /netmon/what, and powers the machine off. The tests themselves are in Rust.
export PATH=/usr/bin:/bin:/sbin HOME=/ NO_COLOR=1

say() { echo "netmon-vm: $*"; }

# busybox starts its applets through /proc/self/exe.
/bin/busybox mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
ln -s /proc/self/fd /dev/fd
for module in $(cat /modules/order); do
    insmod "/modules/$module" || say "error: cannot load $module"
done
ip link set lo up
say "Linux $(uname -r) after $(cut -d ' ' -f 1 /proc/uptime) s"

# run NAME PROGRAM ARGUMENTS: runs tests and prints their exit code.
run() {
    name=$1
    shift
    "$@"
    say "$name ended with $?"
}

. /netmon/what
sync
# Tests of systemd's units need it as the first process.
[ -e /netmon/systemd ] && exec /lib/systemd/systemd
poweroff -f
