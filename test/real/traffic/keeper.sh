#!/bin/bash
# keeper.sh FOLDER CGROUP COMMAND…: runs init.sh in namespaces of its own (net, mount, pid) until its own standard input,
# a pipe from the daemon, ends. With the first process of the namespaces the kernel ends every other; what would stay
# then are the empty cgroup folders, and they are removed here.
dir=$1 cgroup=$2
exec 3<&0
trap : TERM INT HUP # a handler, not "ignore": that would be inherited
unshare --net --mount --pid --fork --kill-child --mount-proc --propagation slave "$(dirname "$0")/init.sh" "$@" <&3 &
unshare=$!
exec 3<&- 0</dev/null
# Others find the namespaces by the number that their first process has out here.
until pgrep -P $unshare >"$dir/init.draft" || ! kill -0 $unshare 2>/dev/null; do sleep 0.02; done
mv "$dir/init.draft" "$dir/init.pid"
while kill -0 $unshare 2>/dev/null; do wait $unshare; done
for _ in $(seq 100); do
  folders=$(find /sys/fs/cgroup -maxdepth 2 -type d -name "$cgroup")
  [ -n "$folders" ] || break
  find $folders -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
done
# The unpacked images are large, and whoever was to remove the folder may have been killed.
[ -n "${MESH_KEEP+set}" ] || rm -rf "$dir/inside/containerd"
