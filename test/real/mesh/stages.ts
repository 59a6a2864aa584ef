/**
 * What nodes and pods live through, as stages of kwok: one jq expression says what comes next for a pod, and each stage
 * writes the status that a kubelet would write there. A pod chooses its life by a label and annotations (README.md).
 */

/** The label by which a pod chooses its life, and the annotations that shape it. */
export const lifeLabel = "life";
export const annotations = {
  /** The life is that of pods injected by this revision only; others are well. */
  onRevision: "life/on-revision",
  /** The container that crashes or cannot be pulled: the first that is not the proxy, or the one named here. */
  container: "life/container",
  /** How long from running (and the proxy being in sync) to ready: at least, at most. Durations of Go, as `4000ms`. */
  readyAfter: "life/ready-after",
  readyBefore: "life/ready-before",
  crashAfter: "life/crash-after",
  runFor: "life/run-for",
  terminateAfter: "life/terminate-after",
  /** Written by the fleet once the proxy has acknowledged CDS and LDS. */
  synced: "fleet/synced",
  /** Written by the machine on istiod's pods: whether the process answers its probe. */
  machineReady: "machine/ready",
} as const;

/**
 * jq: the name of the stage that comes next for a pod. The revision of its proxy is in the annotation that injection
 * writes, and for a gateway that istiod itself deploys in `istio.io/rev`.
 */
const nextForPod = `
  (.metadata.annotations // {}) as $a
  | (any((.spec.containers + (.spec.initContainers // []))[]; .name == "istio-proxy")) as $proxied
  | (if $proxied then ($a["sidecar.istio.io/status"] // "{}" | fromjson | .revision) // $a["istio.io/rev"] else null end) as $revision
  | (if ($a["${annotations.onRevision}"] // $revision) == $revision then (.metadata.labels["${lifeLabel}"] // "well") else "well" end) as $life
  | ($revision != null and any(.spec.initContainers[]?; .name == "istio-proxy")) as $native
  | ($revision == null or $a["${annotations.synced}"] == "true") as $synced
  | ($a["${annotations.container}"] // ([.spec.containers[].name | select(. != "istio-proxy")] | .[0])) as $affected
  | ((.status.containerStatuses // []) + (.status.initContainerStatuses // [])) as $statuses
  | ([$statuses[] | select(.name == $affected) | .state | if .waiting then .waiting.reason elif .running then "running" else "over" end] | .[0]) as $state
  | ([.status.conditions[]? | select(.type == "Ready") | .status] | .[0] == "True") as $ready
  | (.metadata.labels.app == "istiod" and .metadata.namespace == "istio-system") as $istiod
  | if .metadata.deletionTimestamp then "pod-delete"
    elif .status.phase == "Succeeded" or .status.phase == "Failed" then "over"
    elif .status.podIP == null then
      (if $life == "pull" and (($native | not) or $affected == "istio-proxy") then "pod-pull-error"
       elif $native then "pod-proxy-start" else "pod-start" end)
    elif $life == "pull" and $state == "ErrImagePull" then "pod-pull-back-off"
    elif $life == "pull" and $state == "ImagePullBackOff" then "stays"
    elif $life == "crash" and $state == "running" then "pod-crash"
    elif $life == "crash" and $state == "CrashLoopBackOff" then "pod-restart"
    elif .status.phase == "Pending" then (if $synced | not then "waits" elif $life == "pull" then "pod-pull-error" else "pod-start" end)
    elif $ready then (if $istiod and $a["${annotations.machineReady}"] == "false" then "pod-unready" else "stays" end)
    elif $life == "crash" then "stays"
    elif .metadata.ownerReferences[0].kind == "Job" and $life != "long" and $synced then "pod-complete"
    elif $istiod and $a["${annotations.machineReady}"] != "true" then "waits"
    elif $life == "never-ready" then (if $revision != null and $synced and any($statuses[]; .name == "istio-proxy" and (.ready | not)) then "pod-only-proxy-ready" else "stays" end)
    elif $synced then "pod-ready"
    elif all(.status.containerStatuses[] | select(.name != "istio-proxy"); .ready) then "waits"
    else "pod-only-app-ready" end`.replaceAll(/\s+/g, " ");

/** What a container does: these words, or the reason for which it waits. */
type Doing =
  | "ready"
  | "running"
  | "PodInitializing"
  | "ErrImagePull"
  | "ImagePullBackOff"
  | "CrashLoopBackOff"
  | "completed";

interface PodStatus {
  readonly phase: "Pending" | "Running" | "Succeeded" | "keep";
  readonly app: Doing;
  /** `by-sync`: ready once the fleet said so. */
  readonly proxy: Doing | "by-sync";
  /** What the container that the life is about does, where that differs. */
  readonly affected?: Doing;
  readonly restarted?: boolean;
}

/** Go template: one item of a list of container statuses. */
const containerTemplate = `{{ define "container" }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: {{ if has .doing (list "PodInitializing" "ErrImagePull" "ImagePullBackOff") }}""{{ else }}{{ .image | Quote }}{{ end }}
  restartCount: {{ .restarts }}
{{ if has .doing (list "ready" "running") }}
  ready: {{ eq .doing "ready" }}
  started: {{ or (eq .doing "ready") (not .native) }}
  state: {running: {startedAt: {{ .since | Quote }}}}
{{ else if eq .doing "completed" }}
  ready: {{ .init }}
  started: false
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ .since | Quote }}, finishedAt: {{ .now | Quote }}}}
{{ else }}
  ready: false
  started: false
  state: {waiting: {reason: {{ .doing }}{{ if eq .doing "CrashLoopBackOff" }}, message: "back-off 10s restarting failed container={{ .name }}"{{ else if eq .doing "ImagePullBackOff" }}, message: "Back-off pulling image \\"{{ .image }}\\""{{ else if eq .doing "ErrImagePull" }}, message: "failed to pull and unpack image \\"{{ .image }}\\": not found"{{ end }}}}
{{ end }}
{{ if gt (int .restarts) 0 }}
  lastState: {terminated: {exitCode: 1, reason: Error, startedAt: {{ .since | Quote }}, finishedAt: {{ .now | Quote }}}}
{{ end }}
{{ end }}`;

function statusTemplate({ phase, app, proxy, affected, restarted }: PodStatus): string {
  const items = (list: "containers" | "initContainers") => `
{{ range .spec.${list} }}
{{ $doing := "${app}" }}{{ $restarts := 0 }}
{{ range $statuses }}{{ if eq .name $affected }}{{ $count = atoi (printf "%v" .restartCount) }}{{ end }}{{ end }}
{{ if eq .name "istio-proxy" }}{{ $doing = ${proxy === "by-sync" ? 'ternary "ready" "running" $synced' : JSON.stringify(proxy)} }}{{ end }}
${list === "containers" ? '{{ if and $native $proxyFails }}{{ $doing = "PodInitializing" }}{{ end }}' : '{{ if ne (.restartPolicy | default "") "Always" }}{{ $doing = "completed" }}{{ end }}'}
{{ if eq .name $affected }}{{ $restarts = $count }}${affected ? `{{ $doing = "${affected}" }}` : ""}${restarted ? "{{ $restarts = add1 $count }}" : ""}{{ end }}
${list === "containers" ? '{{ if ne $doing "ready" }}{{ $unready = append $unready .name }}{{ end }}' : ""}
{{ template "container" dict "name" .name "image" .image "doing" $doing "restarts" $restarts "now" $now "since" $since "native" (eq (.restartPolicy | default "") "Always") "init" ${list === "initContainers"} }}
{{ end }}`;
  return `${containerTemplate}
{{ $now := Now }}{{ $a := .metadata.annotations | default dict }}{{ $count := 0 }}{{ $unready := list }}
{{ $since := .status.startTime | default $now }}
{{ $statuses := concat (.status.containerStatuses | default list) (.status.initContainerStatuses | default list) }}
{{ $synced := eq (index $a "${annotations.synced}" | default "") "true" }}
{{ $affected := index $a "${annotations.container}" | default "" }}
{{ range .spec.containers }}{{ if and (not $affected) (ne .name "istio-proxy") }}{{ $affected = .name }}{{ end }}{{ end }}
{{ $native := false }}{{ range .spec.initContainers }}{{ if eq .name "istio-proxy" }}{{ $native = true }}{{ end }}{{ end }}
{{ $proxyFails := ${affected === undefined ? "false" : 'eq $affected "istio-proxy"'} }}
initContainerStatuses:
${items("initContainers")}
containerStatuses:
${items("containers")}
conditions:
- {type: PodReadyToStartContainers, status: "True", lastTransitionTime: {{ $since | Quote }}}
- {type: Initialized, lastTransitionTime: {{ $since | Quote }}, status: "${app === "PodInitializing" ? "False" : "True"}"}
{{ range $type := list "Ready" "ContainersReady" }}
- type: {{ $type }}
  lastTransitionTime: {{ $now | Quote }}
${phase === "Succeeded" ? '  status: "False"\n  reason: PodCompleted' : '  status: {{ if $unready }}"False"{{ else }}"True"{{ end }}\n  reason: {{ if $unready }}ContainersNotReady{{ else }}null{{ end }}\n  message: {{ if $unready }}"containers with unready status: [{{ join " " $unready }}]"{{ else }}null{{ end }}'}
{{ end }}
hostIP: {{ index (NodeIPsWith .spec.nodeName) 0 | Quote }}
{{ if not .status.podIP }}{{ with PodIPsWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) }}
podIP: {{ index . 0 | Quote }}
podIPs: [{ip: {{ index . 0 | Quote }}}]
{{ end }}{{ end }}
phase: ${phase === "keep" ? "{{ .status.phase }}" : phase}
startTime: {{ $since | Quote }}`;
}

/** jq: an annotation, or a duration where it is not there. */
const annotated = (name: string, otherwise: string) => `.metadata.annotations["${name}"] // "${otherwise}"`;

interface Delay {
  readonly from: string;
  readonly to?: string;
}

/** What can be told about a pod at once. It spares the long expression for all who are not concerned. */
const onlyIf = {
  pending: { key: ".status.phase", operator: "In", values: ["Pending"] },
  running: { key: ".status.phase", operator: "In", values: ["Running"] },
  notReady: { key: '.status.conditions[]? | select(.type == "Ready") | .status', operator: "NotIn", values: ["True"] },
  deleted: { key: ".metadata.deletionTimestamp", operator: "Exists" },
  ofJob: { key: ".metadata.ownerReferences[]?.kind", operator: "In", values: ["Job"] },
  istiod: { key: ".metadata.labels.app", operator: "In", values: ["istiod"] },
  lives: (life: string) => ({ key: `.metadata.labels["${lifeLabel}"]`, operator: "In", values: [life] }),
};

function podStage(name: string, guards: readonly object[], next: object, delay?: Delay): object {
  const jq = (expression: string) => ({ jq: { expression } });
  const expressions = [...guards, { key: nextForPod, operator: "In", values: [name] }];
  const after = delay && {
    durationMilliseconds: 0,
    durationFrom: jq(delay.from),
    ...(delay.to && { jitterDurationFrom: jq(delay.to) }),
  };
  return stage(
    "Pod",
    name,
    expressions.map((each) => ({ jq: each })),
    next,
    after,
  );
}

function stage(kind: string, name: string, matchExpressions: readonly object[], next: object, delay?: object): object {
  return {
    apiVersion: "kwok.x-k8s.io/v1alpha1",
    kind: "Stage",
    metadata: { name },
    spec: { resourceRef: { apiGroup: "v1", kind }, selector: { matchExpressions }, ...(delay && { delay }), next },
  };
}

/**
 * Every stage of nodes and pods, as the text of kwok's configuration. `kubelet` is the version that the nodes report.
 */
export function stagesText(kubelet: string): string {
  const status = (picture: PodStatus) => ({ statusTemplate: statusTemplate(picture) });
  const ready = {
    from: annotated(annotations.readyAfter, "0s"),
    to: `.metadata.annotations["${annotations.readyBefore}"]`,
  };
  const { pending, running, notReady, deleted, ofJob, istiod, lives } = onlyIf;
  const stages = [
    ...nodeStages(kubelet),
    podStage("pod-start", [pending], status({ phase: "Running", app: "running", proxy: "by-sync" })),
    podStage("pod-proxy-start", [pending], status({ phase: "Pending", app: "PodInitializing", proxy: "running" })),
    podStage("pod-ready", [running, notReady], status({ phase: "Running", app: "ready", proxy: "ready" }), ready),
    podStage("pod-unready", [istiod], status({ phase: "Running", app: "running", proxy: "running" })),
    podStage("pod-only-app-ready", [running, notReady], status({ phase: "Running", app: "ready", proxy: "running" }), {
      from: annotated(annotations.readyAfter, "2s"),
    }),
    podStage(
      "pod-only-proxy-ready",
      [lives("never-ready")],
      status({ phase: "Running", app: "running", proxy: "ready" }),
    ),
    podStage(
      "pod-crash",
      [lives("crash")],
      status({ phase: "keep", app: "running", proxy: "by-sync", affected: "CrashLoopBackOff", restarted: true }),
      { from: annotated(annotations.crashAfter, "1s") },
    ),
    podStage(
      "pod-restart",
      [lives("crash")],
      status({ phase: "keep", app: "running", proxy: "by-sync", affected: "running" }),
      {
        from: '"5s"',
      },
    ),
    podStage(
      "pod-pull-error",
      [lives("pull")],
      status({ phase: "Pending", app: "running", proxy: "by-sync", affected: "ErrImagePull" }),
    ),
    podStage(
      "pod-pull-back-off",
      [lives("pull")],
      status({ phase: "Pending", app: "running", proxy: "by-sync", affected: "ImagePullBackOff" }),
      {
        from: '"1s"',
      },
    ),
    podStage("pod-complete", [ofJob], status({ phase: "Succeeded", app: "completed", proxy: "completed" }), {
      from: annotated(annotations.runFor, "500ms"),
    }),
    podStage("pod-delete", [deleted], { delete: true }, { from: annotated(annotations.terminateAfter, "0s") }),
  ];
  return stages.map((each) => JSON.stringify(each)).join("\n---\n");
}

function nodeStages(kubelet: string): object[] {
  const readiness = (operator: string) => [
    { key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator, values: ["True"] },
  ];
  const conditions = (transition: string) => `{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- {lastHeartbeatTime: {{ $now | Quote }}, ${transition}message: {{ .message | Quote }}, reason: {{ .reason | Quote }}, status: {{ .status | Quote }}, type: {{ .type | Quote }}}
{{ end }}`;
  const statusTemplate = `${conditions("lastTransitionTime: {{ $now | Quote }}, ")}
addresses:
- {address: {{ NodeIP | Quote }}, type: InternalIP}
- {address: {{ NodeName | Quote }}, type: Hostname}
daemonEndpoints: {kubeletEndpoint: {Port: {{ NodePort }}}}
allocatable: {cpu: 1k, memory: 1Ti, pods: 1M}
capacity: {cpu: 1k, memory: 1Ti, pods: 1M}
nodeInfo: {architecture: amd64, bootID: "", containerRuntimeVersion: kwok, kernelVersion: kwok, kubeProxyVersion: "", kubeletVersion: ${kubelet}, machineID: "", operatingSystem: linux, osImage: kwok, systemUUID: ""}`;
  return [
    stage("Node", "node-ready", readiness("NotIn"), { statusTemplate }),
    stage(
      "Node",
      "node-heartbeat",
      readiness("In"),
      { statusTemplate: conditions("") },
      { durationMilliseconds: 20000, jitterDurationMilliseconds: 25000 },
    ),
  ];
}
