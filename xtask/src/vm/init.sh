#!/bin/busybox sh
# What the kernel starts in a virtual machine of `cargo xtask vm`: it mounts what a host has mounted, loads the
# modules, does what it was told, and switches the machine off. The tests themselves are in Rust.
export PATH=/usr/bin:/bin:/sbin HOME=/ NO_COLOR=1

say() { echo "netmon-vm: $*"; }

# Busybox starts its own programs by /proc/self/exe.
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

# NAME PROGRAM ARGUMENTS: runs tests, and says how they ended.
run() {
    name=$1
    shift
    "$@"
    say "$name ended with $?"
}

. /netmon/what
sync
poweroff -f
