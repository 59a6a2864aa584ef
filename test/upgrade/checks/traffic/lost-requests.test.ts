import assert from "node:assert/strict";
import test from "node:test";
import type { ControlPlane, InjectorPolicy } from "../../../../src/mesh/model.ts";
import { lostRequestChecks } from "../../../../src/upgrade/checks/traffic/lost-requests.ts";
import type { MeshSettings } from "../../../../src/upgrade/preflight/mesh-settings.ts";
import { type MeshWords, ownInjector, plane, tagInjector, type WorkloadWords } from "../../../fixtures/mesh.ts";
import { mission, planOf, said, type Wish } from "../../../fixtures/plan.ts";
import { findings, found, healthy, node } from "../preflight/node-facts.ts";

const probe = { httpGet: { port: 8080 } };
const lifecycle = { preStop: { exec: { command: ["sleep", "5"] } } };
const app = { name: "app", readinessProbe: probe, lifecycle };
type Spec = NonNullable<WorkloadWords["template"]>["spec"];
const running = (spec: object, rest: Partial<WorkloadWords> = {}): WorkloadWords => ({
  ...{ namespace: "production", name: "web", runs: ["default", "default"] },
  template: { metadata: { labels: { app: "web" } }, spec: { containers: [app], ...spec } as Spec },
  ...rest,
});
const containers = (...all: readonly object[]): WorkloadWords => running({ containers: all });
const service = (change: object = {}): Wish => ({
  surroundings: { services: [{ namespace: "production", name: "web", selector: { app: "web" }, ...change }] },
});
const neither = containers({ name: "app" });
const proxy = { name: "istio-proxy", image: "auto", readinessProbe: probe, lifecycle };
const drains = running(
  {},
  {
    template: {
      metadata: {
        labels: { app: "web" },
        annotations: { "proxy.istio.io/config": '{"terminationDrainDuration": "60s"}' },
      },
      spec: { containers: [{ name: "app", readinessProbe: probe }] } as object as Spec,
    },
  },
);
const unready = "readiness-probes warning readinessProbe";
const unstopped = "pre-stop-hooks warning preStop";

const served: readonly (readonly [what: string, workload: WorkloadWords, wish: Wish, findings: readonly string[]])[] = [
  ["a healthy workload", running({}), service(), []],
  ["neither", neither, service(), [unready, unstopped]],
  ["no readiness probe", containers({ ...app, readinessProbe: undefined }), service(), [unready]],
  ["a startup probe, without which a pod is not ready either", containers({ ...app, readinessProbe: undefined, startupProbe: probe }), service(), []],
  ["a readiness gate, which somebody else opens", running({ containers: [{ ...app, readinessProbe: undefined }], readinessGates: [{ conditionType: "target-health" }] }), service(), []],
  ["a liveness probe, which says nothing of that", containers({ ...app, readinessProbe: undefined, livenessProbe: probe }), service(), [unready]],
  ["no preStop hook", containers({ ...app, lifecycle: undefined }), service(), [unstopped]],
  ["a hook after its start", containers({ ...app, lifecycle: { postStart: {} } }), service(), [unstopped]],
  ["a hook that sleeps", containers({ ...app, lifecycle: { preStop: { sleep: { seconds: 5 } } } }), service(), []],
  ["probe and hook of the proxy alone", containers({ name: "app" }, proxy), service(), [unready, unstopped]],
  ["probe and hook of a helper", running({ containers: [{ name: "app" }], initContainers: [{ ...app, name: "helper", restartPolicy: "Always" }] }), service(), []],
  ["probe and hook of what ends before", running({ containers: [{ name: "app" }], initContainers: [{ ...app, name: "setup" }] }), service(), [unready, unstopped]],
  ["a proxy that drains for long: the application has stopped all the same", drains, service(), [unstopped]],
  ["a workload that no Service selects", neither, {}, []],
  ["a Service for others", neither, service({ selector: { app: "web", tier: "blue" } }), []],
  ["a Service of another namespace", neither, service({ namespace: "shop" }), []],
  ["a gateway, which is a proxy alone", { ...containers({ name: "istio-proxy", image: "auto" }), gateway: true }, service(), []],
  ["one that is left", neither, { ...service(), leave: ["deployment/web"] }, []],
  ["one that has moved", { ...neither, runs: ["1-20"] }, service(), []],
]; // biome-ignore format: a table

for (const [what, workload, wish, expected] of served)
  test(`requests to a workload: ${what}`, () => {
    const { findings: all } = planOf(mission({ workloads: [workload] }), wish);
    const lost = all.filter(({ check }) => check === "readiness-probes" || check === "pre-stop-hooks");
    assert.deepEqual(
      lost.map(({ check, severity, object }) => `${check} ${severity} ${object}`),
      expected,
    );
  });

test("a hundred workloads are one line for each check", () => {
  const workloads = Array.from({ length: 100 }, (_, at) => ({ ...neither, name: `web-${at}` }));
  const { findings: all } = planOf(mission({ workloads }), service());
  const lost = all.filter(({ check }) => check === "readiness-probes" || check === "pre-stop-hooks");
  assert.deepEqual(
    lost.map(({ message }) => /^100 workloads behind a Service have no [a-zS ]+: /.test(message)),
    [true, true],
  );
});

const versions = (old: string, target: string): readonly ControlPlane[] => [
  plane("1-20", { version: target }),
  plane("default", { version: old }),
];
for (const [old, target, remedy] of [
  ["1.19.0", "1.20.0", /an exec of sleep \(an istiod of 1\.19 or 1\.20 drops preStop\.sleep/],
  ["1.20.4", "1.28.2", /an exec of sleep \(an istiod/],
  ["1.28.2", "1.29.1", /preStop\.sleep from Kubernetes 1\.30 on/],
] as const)
  test(`the hook that is advised between ${old} and ${target} is one that both injectors keep`, () => {
    const mesh = mission({ workloads: [neither], controlPlanes: versions(old, target) });
    const finding = planOf(mesh, service()).findings.find(({ check }) => check === "pre-stop-hooks");
    assert.match(finding?.remedy ?? "", remedy);
  });

const policy = (holdsApplication: boolean | undefined): InjectorPolicy => ({
  ...{ policy: "enabled", neverInject: [], alwaysInject: [], templates: [] },
  ...(holdsApplication === undefined ? {} : { holdsApplication }),
});
const held: MeshSettings = { defaultConfig: { holdApplicationUntilProxyStarts: true } };

interface Holding {
  /** By mesh config, by values; the old revision's, then the target's. */
  readonly config?: readonly [MeshSettings | undefined, MeshSettings | undefined];
  readonly values?: readonly [boolean | undefined, boolean | undefined];
  readonly planes?: readonly ControlPlane[];
  readonly annotation?: string;
  readonly workload?: Partial<WorkloadWords>;
  /** Versions of kubelets; of a migration, which does not read nodes, absent. */
  readonly kubelets?: readonly string[];
}

const starts = ({ config = [{}, {}], values = [false, false], planes = versions("1.19.0", "1.20.0"), annotation, workload, kubelets }: Holding) => {
  const annotations = annotation === undefined ? {} : { "proxy.istio.io/config": annotation };
  const words: MeshWords = {
    controlPlanes: planes,
    injectors: [
      ...ownInjector("1-20", { policy: policy(values[1]) }),
      ...tagInjector("default", "default", { policy: policy(values[0]) }),
      ...ownInjector("default", { deactivated: true, policy: policy(values[0]) }),
    ],
    workloads: [running({}, { template: { metadata: { labels: { app: "web" }, annotations }, spec: { containers: [app] } as Spec }, ...workload })],
  };
  const discovery = ["default", "1-20"].flatMap((revision, at) => {
    const settings = config[at];
    return settings === undefined ? [] : [{ revision, configMap: `istio-system/istio-${revision}`, selectors: [], settings }];
  });
  const nodes = (kubelets ?? []).map((kubelet) => node(kubelet, { kubelet }));
  return kubelets === undefined
    ? said(planOf(mission(words), { surroundings: { discovery } }), "applications-held")
    : found(lostRequestChecks, mission(words), { nodes: { ...healthy, nodes }, surroundings: { discovery } });
}; // biome-ignore format: one line of fields

const on = "applications-held";
const noted = [`${on} note holdApplicationUntilProxyStarts`];
const warned = [`${on} warning holdApplicationUntilProxyStarts`];
const newer = versions("1.28.2", "1.29.1");
const native = (setting: string) => [
  plane("1-20", { version: "1.20.0", nativeSidecars: setting }),
  plane("default", { version: "1.19.0" }),
];
const asks = (value: string): Partial<WorkloadWords> => ({
  template: { metadata: { labels: {}, annotations: { "sidecar.istio.io/nativeSidecar": value } }, spec: { containers: [app] } as Spec },
}); // biome-ignore format: one line of fields

const starting: readonly (readonly [what: string, holding: Holding, findings: readonly string[]])[] = [
  ["Istio's defaults, before and after", {}, noted],
  ["a mesh config of the target that holds", { config: [{}, held] }, []],
  ["both mesh configs", { config: [held, held] }, []],
  ["the old mesh config alone", { config: [held, {}] }, warned],
  ["the values of the target", { values: [false, true] }, []],
  ["the old values alone", { values: [true, false] }, warned],
  ["an annotation", { annotation: '{"holdApplicationUntilProxyStarts": true}' }, []],
  ["an annotation in YAML", { annotation: "concurrency: 2\nholdApplicationUntilProxyStarts: true\n" }, []],
  ["an annotation against the mesh config", { config: [held, held], annotation: "{holdApplicationUntilProxyStarts: false}" }, noted],
  ["an annotation against the values, which win", { values: [true, true], annotation: "holdApplicationUntilProxyStarts: false" }, []],
  ["an annotation about something else", { annotation: "{concurrency: 2}" }, noted],
  ["native sidecars of today that the target does not make", { workload: { proxy: { native: true } } }, warned],
  ["a target that is told to make native sidecars", { planes: native("true") }, []],
  ["a target that is told something unknown", { planes: native("perhaps") }, []],
  ["a target that is told not to", { planes: native("false") }, noted],
  ["a newer target whose kubelets allow native sidecars", { planes: newer, kubelets: ["v1.33.1"] }, []],
  ["a newer target, and an old kubelet", { planes: newer, kubelets: ["v1.33.1", "v1.32.0"] }, noted],
  ["a newer target, and nodes that could not be read", { planes: newer, kubelets: [] }, []],
  ["a newer target of a migration, which reads no nodes", { planes: newer }, []],
  ["a workload that asks for a native sidecar", { planes: newer, workload: asks("true"), kubelets: ["v1.32.0"] }, []],
  ["a workload that refuses one", { planes: newer, workload: asks("false"), kubelets: ["v1.33.0"] }, noted],
  ["values that could not be read, or are overruled", { values: [false, undefined] }, []],
  ["a mesh config that could not be read", { config: [{}, undefined] }, []],
  ["an old mesh config that could not be read", { config: [undefined, {}] }, noted],
  ["a control plane elsewhere", { planes: [plane("1-20", { deployment: undefined }), plane("default")] }, []],
  ["another template than the sidecar's", { workload: { template: { metadata: { labels: {}, annotations: { "inject.istio.io/templates": "grpc-agent" } }, spec: { containers: [app] } as Spec } } }, []],
  ["a proxy of the template's own", { workload: { template: { metadata: { labels: {} }, spec: { containers: [app, proxy] } as Spec } } }, []],
  ["a gateway", { workload: { gateway: true } }, []],
]; // biome-ignore format: a table

for (const [what, holding, expected] of starting)
  test(`requests of a workload: ${what}`, () => assert.deepEqual(starts(holding), expected));

test("who loses by the move is told apart from who never waited", () => {
  const [lost, never] = ["lost", "never"].map((name) => running({}, { name }));
  const discovery = ["default", "1-20"].map((revision) => ({ revision, configMap: "", selectors: [], settings: {} }));
  const mesh = mission({
    injectors: [
      ...ownInjector("1-20", { policy: policy(false) }),
      ...tagInjector("default", "default", { policy: policy(false) }),
    ],
    workloads: [{ ...(lost as WorkloadWords), proxy: { native: true } }, never as WorkloadWords],
  });
  assert.deepEqual(
    findings(lostRequestChecks, mesh, { surroundings: { discovery } }).map(({ message }) => message),
    [
      "1 workload will no longer wait for the proxy: requests that a new pod sends before its proxy runs fail (production/Deployment/lost)",
      "1 workload will not wait for the proxy: requests that a new pod sends before its proxy runs fail (production/Deployment/never)",
    ],
  );
});
