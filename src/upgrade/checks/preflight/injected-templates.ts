/** What the pod templates say of their proxy, and what the target's injector makes of it. */
import { imageTag, releaseOf } from "../../../mesh/istio-version.ts";
import type { ContainerSpec } from "../../../mesh/kubernetes.ts";
import { labelOf } from "../../../mesh/labels.ts";
import type { Workload } from "../../../mesh/model.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import { revisionedName } from "../../../mesh/revision-names.ts";
import { restarts, type WorkloadMove } from "../../plan/moves.ts";
import { becomesNative, injectsNative, withoutNativeSidecars } from "../../preflight/native-sidecars.ts";
import { targetPlane } from "../../preflight/planes.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { type Check, note, type Observation, warning } from "../check.ts";

const namesOf = (workloads: readonly Workload[]): string => listed(workloads.map(refText));
const versionOfTarget = ({ mesh, target }: PreflightFacts): string | undefined =>
  mesh.controlPlanes.find(({ revision }) => revision === target.revision)?.version;

/**
 * The label of the namespace decides where there is one. Source: charts/istio-discovery mutatingwebhook.yaml (entry
 * `rev.object` wants a namespace without labels); istio/istio#37088.
 */
export const podLabels: Check<PreflightFacts> = {
  id: "pod-labels",
  title: "no pod template names another revision than its namespace",
  severity: "note",
  category: "injection",
  run: (facts) => {
    const { target } = facts;
    const own = restarts(facts)
      .map(({ workload }) => workload)
      .filter(({ template }) => {
        const label = labelOf(template?.metadata?.labels, "istio.io/rev");
        return label !== undefined && label !== target.label && label !== target.revision && label !== target.tag;
      });
    if (own.length === 0) return [];
    return [
      note(
        `label/istio.io/rev`,
        `${counted(own.length, "pod template")} name${own.length === 1 ? "s" : ""} another revision, which the label of the namespace overrules: ${namesOf(own)}`,
        "take istio.io/rev out of these templates: it would inject them again if the namespace lost its label",
      ),
    ];
  },
};

/**
 * A container `istio-proxy` in the template is laid over the injected one, field by field: an image or an address that
 * it has stays, whoever injects; image `auto` is the injector's. A sidecar of `istioctl kube-inject` is said by
 * `proxies-unpinned`. Source: `reapplyOverwrittenContainers` (istio/istio pkg/kube/inject/webhook.go of 1.19 to 1.29).
 */
export const ownProxySettings: Check<PreflightFacts> = {
  id: "own-proxy-settings",
  title: "no pod template overrides the image or the control plane of its proxy",
  severity: "warning",
  category: "injection",
  run: (facts) =>
    restarts(facts).flatMap(({ workload }) => {
      const { spec } = workload.template ?? { spec: { containers: [] } };
      const proxy = [...spec.containers, ...(spec.initContainers ?? [])].find(({ name }) => name === "istio-proxy");
      if (proxy === undefined) return [];
      const kept = [...imageKept(proxy, versionOfTarget(facts)), ...addressesKept(proxy, facts.target.revision)];
      if (kept.length === 0) return [];
      return [
        warning(
          refText(workload),
          `its template has a container istio-proxy of its own, whose ${listed(kept)} stay${kept.length === 1 ? "s" : ""} whoever injects it`,
          "set its image to auto and take these variables out, so that the injector fills them in",
        ),
      ];
    }),
};

const imageKept = ({ image }: ContainerSpec, target: string | undefined): readonly string[] => {
  if (image === undefined || image === "" || image === "auto") return [];
  const version = releaseOf(imageTag(image));
  return version !== undefined && version === releaseOf(target) ? [] : [`image ${image}`];
};

const addressesKept = ({ env = [] }: ContainerSpec, revision: string): readonly string[] =>
  env.flatMap(({ name, value }) => {
    if (name !== "CA_ADDR" && name !== "PROXY_CONFIG") return [];
    const address = name === "CA_ADDR" ? value : /discoveryAddress["']?\s*:\s*["']?([^\s"',}]+)/.exec(value ?? "")?.[1];
    return address === undefined || address.startsWith(`${revisionedName("istiod", revision)}.`)
      ? []
      : [`variable ${name} (${address})`];
  });

/** Source: `injectsNative`; what depends on the proxy's place: istio/istio#57587, #51883, VictoriaMetrics#7287. */
export const nativeSidecars: Check<PreflightFacts> = {
  id: "native-sidecars",
  title: "the proxies stay containers, or init containers, as they are",
  severity: "warning",
  category: "injection",
  run: (facts) => {
    const { installed, target, around } = facts;
    const { nodes } = around.nodes;
    const plane = targetPlane(facts);
    if (!installed || plane === undefined) return [];
    const { version } = plane;
    const injector = injectsNative(version, plane.nativeSidecars, nodes);
    const moved = restarts(facts).map((move) => ({ ...move, native: becomesNative(move.workload, version, injector) }));
    const old = withoutNativeSidecars(nodes);
    return [
      ...tooOld(
        moved.filter(({ native }) => native === true).length,
        old.map(({ name }) => name),
      ),
      ...changed(target.revision, true, moved),
      ...changed(target.revision, false, moved),
    ];
  },
};

const tooOld = (workloads: number, nodes: readonly string[]): readonly Observation[] =>
  workloads === 0 || nodes.length === 0
    ? []
    : [
        warning(
          `node/${nodes[0]}`,
          `${counted(workloads, "workload")} would get a native sidecar, with which pods do not run on kubelets before 1.29: ${counted(nodes.length, "node")} (${listed(nodes)})`,
          "set ENABLE_NATIVE_SIDECARS=false on the target's istiod until these nodes are upgraded",
        ),
      ];

type Moved = WorkloadMove & { readonly native: boolean | undefined };

const changed = (revision: string, native: boolean, moved: readonly Moved[]): readonly Observation[] => {
  const own = moved
    .filter(({ native: is, stale }) => {
      const sidecars = stale.flatMap(({ proxy }) => (proxy?.kind === "sidecar" ? [proxy] : []));
      return is === native && sidecars.some((proxy) => proxy.native !== native);
    })
    .map(({ workload }) => workload);
  if (own.length === 0) return [];
  const how = native ? "an init container that keeps running (a native sidecar)" : "an ordinary container";
  return [
    note(
      `revision/${revision}`,
      `in ${counted(own.length, "workload")} the proxy becomes ${how}: ${namesOf(own)}`,
      "look for scrape jobs, log selectors and policies that find istio-proxy by its place in the pod; annotation sidecar.istio.io/nativeSidecar decides for one workload",
    ),
  ];
};

/** Source: `injectRequired` (istio/istio pkg/kube/inject/inject.go): such pods pass without a sidecar and an error. */
export const hostNetwork: Check<PreflightFacts> = {
  id: "host-network",
  title: "no pod uses the network of its node",
  severity: "note",
  category: "injection",
  run: ({ moves }) => {
    const own = moves
      .flatMap(({ workloads }) => workloads)
      .filter(({ disposition, workload }) => disposition === "not-injected" && workload.template?.spec.hostNetwork)
      .map(({ workload }) => workload);
    if (own.length === 0) return [];
    return [
      note(
        "hostNetwork",
        `${counted(own.length, "workload")} ${own.length === 1 ? "is" : "are"} never injected and not moved, because of hostNetwork: ${namesOf(own)}`,
      ),
    ];
  },
};
