import assert from "node:assert/strict";
import test from "node:test";
import type { ContainerSpec, Labels, PodTemplateSpec } from "../../../../src/mesh/kubernetes.ts";
import { restartChecks } from "../../../../src/upgrade/checks/preflight/restarts.ts";
import type { Autoscaler } from "../../../../src/upgrade/evidence/cluster-evidence.ts";
import type { InjectorValues } from "../../../../src/upgrade/preflight/injector-values.ts";
import type { LimitRangeItem } from "../../../../src/upgrade/preflight/limit-range.ts";
import type { WorkloadWords } from "../../../fixtures/mesh.ts";
import { mission } from "../../../fixtures/plan.ts";
import { type Around, defaults, findings, found, healthy } from "./node-facts.ts";

const sized: ContainerSpec = {
  name: "app",
  resources: { requests: { cpu: "200m", memory: "256Mi" }, limits: { cpu: "1", memory: "512Mi" } },
};
const sound = { ...sized, readinessProbe: { httpGet: {} }, lifecycle: { preStop: { sleep: { seconds: 5 } } } };
const template = (
  change: { containers?: readonly object[]; annotations?: Labels; initContainers?: readonly object[]; terminationGracePeriodSeconds?: number } = {},
): PodTemplateSpec => {
  const { annotations = {}, ...spec } = change;
  return { metadata: { labels: { app: "web" }, annotations }, spec: { containers: [sound], ...spec } as PodTemplateSpec["spec"] };
}; // biome-ignore format: one line of fields
const web: WorkloadWords = { namespace: "production", name: "web", runs: ["default", "default"], template: template() };

const range = (item: LimitRangeItem, rest: Partial<Around> = {}): Around => ({
  nodes: { ...healthy, limitRanges: [{ namespace: "production", name: "bounds", limits: [{ type: "Container", ...item }] }] },
  ...rest,
}); // biome-ignore format: one line of fields
const values = (change: Partial<InjectorValues>, around: Around): Around => ({
  ...around,
  nodes: { ...around.nodes, injectors: new Map([["1-20", { ...defaults, ...change }]]) },
});
const refused = ["limit-ranges blocker production/Deployment/web"];
const perhaps = ["limit-ranges warning production/Deployment/web"];
const annotated = (annotations: Labels): WorkloadWords => ({ ...web, template: template({ annotations }) });
const bare: ContainerSpec = { ...sound, resources: {} };
const none = { requests: {}, limits: {} };

const limits: readonly (readonly [what: string, around: Around, workload: WorkloadWords, findings: readonly string[]])[] = [
  ["bounds that all containers keep", range({ max: { cpu: "2", memory: "1Gi" }, min: { cpu: "100m", memory: "128Mi" } }), web, []],
  ["a maximum below the proxy's limit", range({ max: { cpu: "1" } }), web, refused],
  ["a maximum of memory below the proxy's limit", range({ max: { memory: "1023Mi" } }), web, refused],
  ["a minimum above the proxy's request", range({ min: { cpu: "101m" } }), web, refused],
  ["a ratio that the proxy exceeds", range({ maxLimitRequestRatio: { cpu: "19" } }), web, refused],
  ["a ratio that the proxy keeps", range({ maxLimitRequestRatio: { cpu: "20" } }), web, []],
  ["a ratio of what has no limit", values({ resources: none }, range({ maxLimitRequestRatio: { cpu: "20" } })), web, refused],
  ["a proxy without a limit", values({ resources: none }, range({ max: { cpu: "2" } })), web, refused],
  ["a proxy without a request", values({ resources: none }, range({ min: { cpu: "10m" } })), web, refused],
  ["a proxy without resources, and defaults for it", values({ resources: none }, range({ max: { cpu: "2" }, min: { cpu: "10m" }, default: { cpu: "1" }, defaultRequest: { cpu: "50m" } })), web, []],
  ["defaults that are above the maximum of another range", { nodes: { ...healthy, injectors: new Map([["1-20", { ...defaults, resources: none }]]), limitRanges: [{ namespace: "production", name: "a", limits: [{ type: "Container", default: { cpu: "3" } }] }, { namespace: "production", name: "b", limits: [{ type: "Container", max: { cpu: "2" } }] }] } }, web, refused],
  ["a limit that is the request too", values({ resources: { requests: {}, limits: { cpu: "1" } } }, range({ min: { cpu: "1" } })), { ...web, template: template({ containers: [{ ...sound, resources: { limits: { cpu: "2" } } }] }) }, []],
  ["an application without a limit", range({ max: { cpu: "2" } }), { ...web, template: template({ containers: [bare] }) }, refused],
  ["an init container above the maximum", range({ max: { cpu: "2" } }), { ...web, template: template({ initContainers: [{ name: "init", resources: { limits: { cpu: "3" } } }] }) }, refused],
  ["an annotation that makes the proxy small enough", range({ max: { cpu: "1" } }), annotated({ "sidecar.istio.io/proxyCPU": "50m", "sidecar.istio.io/proxyCPULimit": "1" }), []],
  ["an annotation that takes the limit of memory away", range({ max: { memory: "2Gi" } }), annotated({ "sidecar.istio.io/proxyCPU": "50m" }), refused],
  ["a proxy of the template's own that is small enough", range({ max: { cpu: "1" } }), { ...web, template: template({ containers: [sound, { name: "istio-proxy", image: "auto", resources: { limits: { cpu: "1" } } }] }) }, []],
  ["all containers together above the maximum", range({ type: "Pod", max: { cpu: "2999m" } }), web, refused],
  ["all containers together at the maximum", range({ type: "Pod", max: { cpu: "3", memory: "1536Mi" } }), web, []],
  ["bounds of volumes", range({ type: "PersistentVolumeClaim", max: { storage: "1Gi" } }), web, []],
  ["a quantity that is none", range({ max: { cpu: "much" } }), web, []],
  ["templates of the user's own", values({ ownTemplates: true }, range({ max: { cpu: "1" } })), web, perhaps],
  ["another template than the sidecar's", range({ max: { cpu: "1" } }), annotated({ "inject.istio.io/templates": "gateway" }), []],
  ["resources of the pod as a whole", range({ max: { cpu: "1" } }), { ...web, template: { ...template(), spec: { ...template().spec, resources: {} } as PodTemplateSpec["spec"] } }, perhaps],
  ["a target that is not installed", range({ max: { cpu: "1" } }, { installed: false }), web, []],
  ["values that could not be read", { nodes: { ...range({ max: { cpu: "1" } }).nodes, injectors: new Map() } }, web, []],
  ["a LimitRange elsewhere", { nodes: { ...healthy, limitRanges: [{ namespace: "shop", name: "bounds", limits: [{ type: "Container", max: { cpu: "1" } }] }] } }, web, []],
  ["a workload that is moved already", range({ max: { cpu: "1" } }), { ...web, runs: ["1-20"] }, []],
]; // biome-ignore format: a table

for (const [what, around, workload, said] of limits)
  test(`limit-ranges: ${what}`, () => {
    assert.deepEqual(found(restartChecks, mission({ workloads: [workload] }), around), said);
  });

test("limit-ranges: the container and the bound are named", () => {
  const [finding] = findings(
    restartChecks,
    mission({ workloads: [web] }),
    range({ max: { cpu: "1", memory: "512Mi" } }),
  );
  assert.equal(
    finding?.message,
    "LimitRange bounds refuses its new pods: container istio-proxy: its cpu limit 2000m is above the maximum of 1 and container istio-proxy: its memory limit 1024Mi is above the maximum of 512Mi",
  );
});

const hpa = (blind: string | undefined, change: Partial<Autoscaler> = {}): Around => ({
  nodes: healthy,
  surroundings: {
    autoscalers: [
      {
        ...{ namespace: "production", name: "web", target: { kind: "Deployment", name: "web" }, max: 9, current: 2 },
        ...(blind === undefined ? {} : { blind }),
        ...change,
      },
    ],
  },
});
const blind = ["autoscalers-measure warning production/Deployment/web"];
const rolling = (maxUnavailable: number, maxSurge = 0) =>
  ({ type: "RollingUpdate", maxSurge, maxUnavailable, partition: 0 }) as const;
const daemons: WorkloadWords = { ...web, kind: "DaemonSet", strategy: rolling(1) };
const slow = (seconds: number, change: Partial<WorkloadWords> = {}): WorkloadWords => ({
  ...web,
  template: template({ terminationGracePeriodSeconds: seconds }),
  ...change,
});

const others: readonly (readonly [what: string, around: Around, workload: WorkloadWords, findings: readonly string[]])[] = [
  ["a healthy workload", { nodes: healthy }, web, []],
  ["an autoscaler that measures", hpa(undefined), web, []],
  ["an autoscaler that does not", hpa("FailedGetResourceMetric"), web, blind],
  ["an autoscaler that shares its pods with another", hpa("AmbiguousSelector"), web, blind],
  ["a blind autoscaler of something else", hpa("FailedGetResourceMetric", { target: { kind: "StatefulSet", name: "web" } }), web, []],
  ["a blind autoscaler of its namesake", hpa("FailedGetResourceMetric", { namespace: "shop" }), web, []],
  ["a DaemonSet that goes node by node", { nodes: healthy }, daemons, []],
  ["a DaemonSet that is missing on all nodes", { nodes: healthy }, { ...daemons, strategy: rolling(9) }, ["daemonsets-gradual warning production/DaemonSet/web"]],
  ["a DaemonSet that makes the new pod first", { nodes: healthy }, { ...daemons, strategy: rolling(9, 1) }, []],
  ["a DaemonSet on one node", { nodes: healthy }, { ...daemons, runs: ["default"] }, []],
  ["pods that may take 5 minutes to end", { nodes: healthy }, slow(300), []],
  ["pods that may take longer to end", { nodes: healthy }, slow(301), ["grace-periods note terminationGracePeriodSeconds"]],
]; // biome-ignore format: a table

for (const [what, around, workload, said] of others)
  test(`restarts: ${what}`, () => {
    assert.deepEqual(found(restartChecks, mission({ workloads: [workload] }), around), said);
  });

test("grace-periods: pods that are replaced one after the other add up, the slowest first", () => {
  const told = (workloads: readonly WorkloadWords[]) =>
    findings(restartChecks, mission({ workloads }), { nodes: healthy }).map(({ message }) => message);
  const one = { ...slow(600), name: "one" };
  const set = slow(600, {
    name: "set",
    kind: "StatefulSet",
    strategy: rolling(1),
    runs: ["default", "default", "default"],
  });
  const pairs = { ...set, name: "pairs", strategy: rolling(2) };
  assert.deepEqual(told([one, set, pairs]), [
    "3 workloads may take long to end their pods: production/StatefulSet/set up to 30m, production/StatefulSet/pairs up to 20m and production/Deployment/one up to 10m",
  ]);
});
