#!/bin/bash
# init.sh FOLDER CGROUP COMMAND…: the first process of a bed's namespaces. Prepares the machine that the bed sees, runs
# COMMAND, and ends (and with it everything in there) when COMMAND ends or the daemon is gone: its end of the pipe that
# is our standard input. Being a shell, it also reaps what containerd's shims leave.
set -eu
dir=$1 cgroup=$2 node=172.30.0.1
shift 2
mount --make-rshared /
# What containerd, the kubelet and CNI leave in fixed places stays in here too.
for folder in /run /var/lib /var/log; do mount -t tmpfs tmpfs $folder; done
# The kubelet sets these for the whole kernel; it finds them set as it wants, and the machine's stay what they are.
# (setupKernelTunables in k8s.io/kubernetes/pkg/kubelet/cm/container_manager_linux.go)
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=/run/sysctl/${setting%=*}
  mkdir -p "${file%/*}" && echo "${setting#*=}" >"$file" && mount --bind "$file" "/proc/sys/${setting%=*}"
done

# The node's address sits on a veth end (dummy devices are not in every kernel); the default route takes the addresses
# of Services as far as kube-proxy's rules.
ip link set lo up
ip link add eth0 type veth peer name eth0-far
ip addr add $node/24 dev eth0
ip link set eth0 up && ip link set eth0-far up
ip route add default via 172.30.0.254 dev eth0
echo 1 >/proc/sys/net/ipv4/ip_forward

if [ -f /sys/fs/cgroup/cgroup.controllers ]; then # v2
  mkdir -p "/sys/fs/cgroup/$cgroup"
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    for group in /sys/fs/cgroup "/sys/fs/cgroup/$cgroup"; do
      echo "+$controller" >"$group/cgroup.subtree_control" || true
    done
  done
else
  for controller in cpu cpuacct cpuset memory devices freezer blkio pids systemd; do
    [ ! -d /sys/fs/cgroup/$controller ] || mkdir -p "/sys/fs/cgroup/$controller/$cgroup"
  done
  for file in cpuset.cpus cpuset.mems; do cat /sys/fs/cgroup/cpuset/$file >"/sys/fs/cgroup/cpuset/$cgroup/$file"; done
fi

exec 3<&0
cat <&3 >/dev/null &
"$@" 3<&- </dev/null &
wait -n
