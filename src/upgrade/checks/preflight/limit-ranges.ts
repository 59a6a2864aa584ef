/** Would a LimitRange refuse the new pods with their proxy? */
import type { ContainerSpec, Labels, PodSpec, PodTemplateSpec } from "../../../mesh/kubernetes.ts";
import { labelOf } from "../../../mesh/labels.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { listed } from "../../../mesh/phrase.ts";
import { restarts, type WorkloadMove } from "../../plan/moves.ts";
import type { InjectorValues } from "../../preflight/injector-values.ts";
import { refusals, withDefaults } from "../../preflight/limit-range.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { blocker, type Check, type Observation, warning } from "../check.ts";

/**
 * LimitRanges are looked at when a pod is made, and not again: pods that run may be older than the LimitRange, and the
 * target's proxy may ask for other resources than the old one. `quota` says what a ResourceQuota has no room for.
 */
export const limitRanges: Check<PreflightFacts> = {
  id: "limit-ranges",
  title: "no LimitRange refuses a new pod with its proxy",
  severity: "blocker",
  category: "availability",
  accepts: ["--skip"],
  run: (facts) => {
    const { installed, target, around } = facts;
    const values = around.nodes.injectors.get(target.revision);
    if (!installed || values === undefined || around.nodes.limitRanges.length === 0) return [];
    return restarts(facts).flatMap((move) => judge(move, values, facts));
  },
};

const judge = ({ workload }: WorkloadMove, values: InjectorValues, facts: PreflightFacts): readonly Observation[] => {
  const ranges = facts.around.nodes.limitRanges.filter(({ namespace }) => namespace === workload.namespace);
  const ownForm = labelOf(workload.template?.metadata?.annotations, "inject.istio.io/templates") !== undefined;
  if (workload.template === undefined || ownForm || ranges.length === 0) return [];
  const injected = withProxy(workload.template, values);
  const spec = withDefaults(injected.spec, ranges);
  return ranges.flatMap((range) => {
    const why = refusals(spec, range);
    if (why.length === 0) return [];
    const message = `LimitRange ${range.name} ${injected.certain ? "refuses" : "may refuse"} its new pods: ${listed(why, 2)}`;
    const remedy = `raise the bounds of LimitRange ${range.name} in namespace ${range.namespace}, or set the proxy's resources by the template's annotations sidecar.istio.io/proxyCPU, proxyCPULimit, proxyMemory and proxyMemoryLimit`;
    return [
      injected.certain
        ? blocker(refText(workload), message, remedy, "--skip")
        : warning(refText(workload), message, remedy),
    ];
  });
};

/**
 * The pod with the proxy that the target injects; the init container beside it has the same resources, and adds nothing to
 * what is judged. Not certain where templates of the user's own may change it. Source: `resources` in
 * files/injection-template.yaml of the istio-discovery chart (1.19, 1.20, 1.28, 1.29), where one annotation is enough to
 * leave the values aside; a container istio-proxy of the pod's own is laid over it (pkg/kube/inject/webhook.go).
 */
const withProxy = (
  { metadata, spec }: PodTemplateSpec,
  values: InjectorValues,
): { readonly spec: PodSpec; readonly certain: boolean } => {
  const set = (name: string, key: string): Labels => {
    const value = labelOf(metadata?.annotations, `sidecar.istio.io/${key}`);
    return value === undefined ? {} : { [name]: value };
  };
  const requests = { ...set("cpu", "proxyCPU"), ...set("memory", "proxyMemory") };
  const limits = { ...set("cpu", "proxyCPULimit"), ...set("memory", "proxyMemoryLimit") };
  const annotated = Object.keys({ ...requests, ...limits }).length > 0;
  const injected = annotated ? { requests, limits } : values.resources;
  const own = spec.containers.find(isProxy)?.resources;
  const proxy = {
    name: "istio-proxy",
    resources: {
      requests: { ...injected.requests, ...own?.requests },
      limits: { ...injected.limits, ...own?.limits },
    },
  };
  return {
    spec: { ...spec, containers: [...spec.containers.filter((container) => !isProxy(container)), proxy] },
    certain: !values.ownTemplates && !("resources" in spec),
  };
};

const isProxy = ({ name }: ContainerSpec): boolean => name === "istio-proxy";
