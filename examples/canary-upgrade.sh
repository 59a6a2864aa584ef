#!/bin/sh
# Takes namespaces of an Istio mesh to VERSION, one after the other, without downtime:
#
#   canary-upgrade.sh [--dry-run | --rollback | --finish] VERSION NAMESPACE...
#
#   --dry-run    shows what would be done, and changes nothing
#   --rollback   puts these namespaces back as they were, the last one first
#   --finish     moves the default tag, then removes the old control plane when nothing needs it
#
# Run it again from any state: it goes on. Exit codes are those of the plugins: 0 done, 1 error, 2 wrong usage,
# 3 refused, 4 changed but not done, 5 cannot tell. Variables: ISTIOCTL (istioctl of VERSION), INSTALL_FLAGS (for
# istioctl install), OLD (the old revision, for --finish), CLEANUP_FLAGS (for kubectl mesh-cleanup), ISTIO_NAMESPACE.
# shellcheck disable=SC2086
set -uf
istioctl=${ISTIOCTL:-istioctl} system=${ISTIO_NAMESPACE:-istio-system} mode=run on=''
say() { printf '== %s\n' "$*" >&2; }
end() { code=$1; shift; say "$*"; [ -z "$on" ] || say "on $revision already:$on"; exit "$code"; }

# step NAME COMMAND...: unless it is done, the script ends with its exit code, which means the same for every plugin.
step() {
  what=$1; shift
  say "$what: $*"
  "$@" && return
  case $? in
    1) end 1 "$what could not begin, and changed nothing: fix the error above, then run this again" ;;
    3) end 3 "$what is refused, and changed nothing: answer the findings above, then run this again" ;;
    4) end 4 "$what is not done: above is what was changed or put back, and the commands to go on and to go back" ;;
    5) end 5 "$what cannot be judged, and changed nothing: above is what could not be read" ;;
    129 | 130 | 143) end 130 "$what was interrupted: run this again to go on" ;;
    *) end 1 "$what was ended from outside: run this again to go on, or with --rollback to go back" ;;
  esac
}
# Prints what kubectl reads. An answer that could not be had is never taken for an empty one.
get() { kubectl get "$@" --request-timeout=30s || end 5 "the cluster could not be read: kubectl get $*"; }

case ${1-} in --dry-run | --rollback | --finish) mode=${1#--}; shift ;; esac
case ${1-} in '' | -* | *[!0-9A-Za-z.-]*) set -- ;; esac
[ $# -ge 2 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
version=$1; shift
revision=$(printf '%s' "$version" | cut -d. -f1,2 | tr . -)
plane="-n $system -l app=istiod,istio.io/rev=$revision" hook="-l app=sidecar-injector,istio.io/rev=$revision"
for namespace do get namespace "$namespace" -o name > /dev/null; done
tag=$(get mutatingwebhookconfiguration -l istio.io/tag=default -o name) || exit

if [ $mode = rollback ]; then
  reversed=''; for namespace do reversed="$namespace $reversed"; done
  for namespace in $reversed; do step "rollback of $namespace" kubectl mesh-rollback -n "$namespace"; done
  say "when nobody will try again: kubectl mesh-cleanup --revision $revision"
elif [ $mode = finish ]; then
  all=$(get deployment -n "$system" -l app=istiod -o 'jsonpath={.items[*].metadata.labels.istio\.io/rev}') || exit
  others=''; for each in $all; do [ "$each" = "$revision" ] || others="$others$each "; done
  case $others in *' '?*) : "${OLD:?is needed: there are $others beside $revision}" ;; esac
  others=${others% } OLD=${OLD:-${others:-default}} # where none is left: what a removal has left of it
  if [ "$OLD" = default ] || [ -n "$tag" ]; then step "tag default" kubectl mesh-migrate --tag default --to "$revision"; fi
  step "removal of $OLD" kubectl mesh-cleanup --revision "$OLD" ${CLEANUP_FLAGS-}
else
  ready=$(get deployment $plane -o 'jsonpath={.items[*].status.readyReplicas}') || exit
  hooks=$(get mutatingwebhookconfiguration $hook -o name) || exit
  if [ -z "$ready" ] || [ -z "$hooks" ]; then
    "$istioctl" version --remote=false | grep -qF "$version" || end 1 "$istioctl is not that of $version: set ISTIOCTL"
    [ -n "$tag" ] || end 3 "without a default tag, istioctl may make $revision the default: first set the tag to the old revision, with kubectl mesh-migrate --tag default --to OLD"
    install="$istioctl install -y -i $system --set profile=minimal --set revision=$revision ${INSTALL_FLAGS-}"
    [ $mode = run ] || { say "would run $install, then kubectl mesh-migrate --to $revision of: $*"; exit 0; }
    say "installation of $revision: $install"
    $install || end 1 "$revision is not installed whole, and the old control plane serves on: run this again to go on"
  fi
  step "control plane $revision" kubectl rollout status deployment $plane --timeout=5m
  until bundle=$(get mutatingwebhookconfiguration $hook -o 'jsonpath={.items[*].webhooks[*].clientConfig.caBundle}') || exit; [ -n "$bundle" ]; do
    [ "${waited:=0}" -lt 60 ] || end 5 "the webhook of $revision has no CA bundle after 60 s: see the log of its istiod"
    waited=$((waited + 1)); sleep 1
  done
  [ -z "$(command -v kubectl-mesh_preflight)" ] || step preflight kubectl mesh-preflight --to "$revision" -o short -n "$(printf '%s' "$*" | tr ' ' ,)"
  [ $mode = run ] || dry=--dry-run=client
  for namespace do step "namespace $namespace" kubectl mesh-migrate -n "$namespace" --to "$revision" ${dry-}; on="$on $namespace"; done
  [ $mode = run ] || exit 0
  kubectl mesh-revisions
  say "done:$on. When all else is on $revision too: $0 --finish $version $*. To go back: $0 --rollback $version $*"
fi
