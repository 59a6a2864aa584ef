import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { Gateway, Mesh, Pod, Strategy } from "../../../src/mesh/model.ts";
import { refText } from "../../../src/mesh/object-ref.ts";
import type { WorkloadKind } from "../../../src/mesh/workload-kinds.ts";
import { isOpen } from "../../../src/upgrade/plan/plan.ts";
import { type NamespaceWords, ownInjector, plane, type WorkloadWords } from "../../fixtures/mesh.ts";
import { brief, mission, type Planned, planOf, stopping, type Wish } from "../../fixtures/plan.ts";
import { ownedBy, pod } from "../../fixtures/pods.ts";

const names = ["alpha", "beta", "constructor", "gone"] as const;
const labels = fc.constantFrom<NamespaceWords["labels"] & {}>(
  { "istio-injection": "enabled" }, { "istio-injection": "enabled" }, { "istio.io/rev": "default" }, { "istio.io/rev": "1-20" }, { "istio.io/rev": "prod" },
  { "istio-injection": "disabled" }, { "istio-injection": "enabled", "istio.io/rev": "1-20" }, { "istio.io/rev": "typo" }, { "istio.io/dataplane-mode": "ambient" }, {},
); // biome-ignore format: a table
const revision = fc.constantFrom("default", "default", "1-20", "1-18", null);
const strategy = fc.constantFrom<Strategy>(
  { type: "RollingUpdate", maxSurge: 1, maxUnavailable: 0, partition: 0 }, { type: "RollingUpdate", maxSurge: 0, maxUnavailable: 1, partition: 0 },
  { type: "RollingUpdate", maxSurge: 0, maxUnavailable: 1, partition: 1 }, { type: "Recreate" }, { type: "OnDelete" },
); // biome-ignore format: a table

const workload = fc
  .record({
    namespace: fc.constantFrom(...names.slice(0, 3)),
    kind: fc.constantFrom("Deployment" as const, "StatefulSet" as const, "DaemonSet" as const, "Rollout" as const),
    runs: fc.array(revision, { maxLength: 4 }),
    strategy,
    paused: fc.boolean(),
    gateway: fc.boolean(),
    ill: fc.boolean(),
    out: fc.boolean(),
    ports: fc.boolean(),
    claim: fc.boolean(),
  })
  .map(({ ill, out, ports, claim, kind, strategy, ...rest }): Omit<WorkloadWords, "name"> => {
    const desired = rest.runs.length;
    const up = ill ? Math.max(0, desired - 1) : desired;
    return {
      ...rest, kind, strategy: kind === "Rollout" ? { type: "RolloutRestart", maxUnavailable: 1 } : strategy, ...(out && { podLabels: { "sidecar.istio.io/inject": "false" } }),
      hostPorts: ports ? [80] : [], claims: claim ? ["data"] : [],
      status: { desired, observedGeneration: 1, replicas: desired, updated: desired, ready: up, available: up, currentRevision: undefined, updateRevision: undefined, phase: ill ? "Degraded" : "Healthy", restartedAt: undefined, conditions: [] },
    }; // biome-ignore format: a table
  });

const stray = fc.record({
  namespace: fc.constantFrom(...names.slice(0, 3)),
  revision,
  kind: fc.constantFrom("Job", "CloneSet", "ReplicaSet", undefined),
});

const meshes = fc
  .record({
    labels: fc.tuple(labels, labels, labels),
    workloads: fc.array(workload, { maxLength: 6 }),
    wrongRevision: fc.array(stray, { maxLength: 3 }),
    gateway: fc.boolean(),
    torn: fc.boolean(),
  })
  .map(({ labels, workloads, wrongRevision, gateway, torn }): Mesh => {
    const edge: Gateway = {
      namespace: "alpha",
      name: "edge",
      uid: "uid-of-edge",
      className: "istio",
      waypoint: false,
      pinned: undefined,
    };
    const pods = wrongRevision.map(
      ({ namespace, revision, kind }, index): Pod =>
        pod(namespace, `stray-${index}`, revision, {
          owner: kind && ownedBy(kind === "Job" ? "batch" : "apps", kind, `owner-${index}`),
        }),
    );
    return mission({
      namespaces: labels.map((each, index) => ({ name: names[index] ?? "", labels: each })),
      workloads: workloads.map((each, index) => ({ ...each, name: `w${index}` })),
      pods,
      gateways: gateway ? [edge] : [],
      ...(torn && { silent: ["istio-system/istiod-7f-abc"] }),
    });
  });

const wishes = fc.record({
  namespaces: fc.oneof(fc.constant("all" as const), fc.subarray([...names], { minLength: 1 })),
  to: fc.constantFrom("1-20", "prod"),
});

const surroundings = {
  claims: names.map((namespace) => ({ namespace, name: "data", accessModes: ["ReadWriteOnce"] })),
};
const plans = (mesh: Mesh, wish: Wish): Planned => planOf(mesh, { surroundings, ...wish });

test("a plan touches only what was asked for, labels before workloads, with at most one canary and never a gateway", () => {
  fc.assert(
    fc.property(meshes, wishes, (mesh, wish) => {
      const { steps, namespaces } = plans(mesh, wish);
      const ready = new Set<string>();
      for (const step of steps) {
        const namespace = step.kind === "relabel" ? step.namespace : step.workload.namespace;
        assert.ok(namespaces.includes(namespace));
        assert.ok(wish.namespaces === "all" || wish.namespaces.includes(namespace as (typeof names)[number]));
        if (step.kind === "relabel") {
          assert.deepEqual(step.after, { "istio-injection": null, "istio.io/rev": wish.to });
          ready.add(namespace);
        } else assert.ok(ready.has(namespace) && step.stalePods > 0);
      }
      const canaries = steps.filter((step) => step.kind === "restart" && step.canary);
      assert.ok(canaries.length <= 1);
      assert.ok(!canaries.some((step) => step.kind === "restart" && step.gateway));
    }),
  );
});

test("what stops a plan has an object, and a remedy or a flag that accepts it", () => {
  fc.assert(
    fc.property(meshes, wishes, (mesh, wish) => {
      for (const { object, message, remedy, accept } of stopping(plans(mesh, wish)))
        assert.ok(object !== "" && message !== "" && (remedy || accept));
    }),
  );
});

/** The wish with all flags that the refusals of its plan propose, until none proposes one any more. */
function accepting(mesh: Mesh, wish: Wish): Wish {
  const proposals = stopping(plans(mesh, wish)).flatMap(({ accept }) => accept ?? []);
  if (proposals.length === 0) return wish;
  const add = (flag: string, values: readonly string[] = []): readonly string[] => [
    ...new Set([...values, ...proposals.flatMap((each) => (each.flag === flag ? [each.value] : []))]),
  ];
  const next = {
    ...wish,
    leave: add("--leave", wish.leave),
    allowDowntime: add("--allow-downtime", wish.allowDowntime),
    skipCheck: add("--skip-check", wish.skipCheck),
  };
  assert.notDeepEqual(
    next,
    { leave: [], allowDowntime: [], skipCheck: [], ...wish },
    "a refusal proposes what was said already",
  );
  return accepting(mesh, next);
}

/** The wish that leaves by name, too, what `-A` does not plan. */
function naming(mesh: Mesh, wish: Wish): Wish {
  const open = (plans(mesh, wish).unplanned ?? []).filter(isOpen);
  return { ...wish, leave: [...(wish.leave ?? []), ...open.map(({ namespace }) => `${namespace}/*/*`)] };
}

test("with -A nothing stays unsaid: each injected pod of another revision is in a planned namespace, listed, or left", () => {
  let listed = 0;
  fc.assert(
    fc.property(meshes, (mesh) => {
      const { namespaces, unplanned = [], left, target } = plans(mesh, { namespaces: "all" });
      const said = new Set(
        [...unplanned.flatMap(({ objects }) => objects), ...left.map(({ object }) => object)].map(refText),
      );
      for (const { namespace, name, owner, workload, proxy } of mesh.pods) {
        if (proxy === undefined || proxy.revision === target.revision || namespaces.includes(namespace)) continue;
        const owned = { kind: owner?.kind ?? "Pod", namespace, name: owner?.name ?? name };
        assert.ok(said.has(refText(workload ?? owned)), `${namespace}/${name}`);
        listed += 1;
      }
      for (const { namespace } of unplanned.filter(isOpen)) assert.ok(!namespaces.includes(namespace));
    }),
  );
  assert.ok(listed > 20);
});

test("saying what the refusals propose leaves only those that propose nothing, and makes no new one", () => {
  fc.assert(
    fc.property(meshes, wishes, (mesh, wish) => {
      const final = brief(stopping(plans(mesh, wish)).filter(({ accept }) => accept === undefined));
      // fewer, where what is left now was all that asked for some evidence
      for (const left of brief(stopping(plans(mesh, accepting(mesh, wish))))) assert.ok(final.includes(left), left);
    }),
  );
});

/** The mesh as the plan leaves it: labels written, restarted workloads healthy and with every pod on the target. */
function arrived(mesh: Mesh, { steps, target }: Planned): Mesh {
  const relabelled = new Map(
    steps.flatMap((step) => (step.kind === "relabel" ? [[step.namespace, step.after["istio.io/rev"] ?? ""]] : [])),
  );
  const moved = new Set(steps.flatMap((step) => (step.kind === "restart" ? [step.uid] : [])));
  const pods = new Set(
    mesh.workloads.filter(({ uid }) => moved.has(uid)).flatMap((each) => each.pods.map(({ uid }) => uid)),
  );
  const fresh = (pod: Pod): Pod =>
    pods.has(pod.uid) && pod.proxy ? { ...pod, proxy: { ...pod.proxy, revision: target.revision } } : pod;
  return mission({
    controlPlanes: mesh.controlPlanes,
    injectors: mesh.injectors,
    gateways: mesh.gateways,
    namespaces: mesh.namespaces.map(({ name, labels }) => ({
      name,
      labels: relabelled.has(name) ? { "istio.io/rev": relabelled.get(name) ?? "" } : labels,
    })),
    pods: mesh.pods.filter(({ workload }) => workload === undefined).map(fresh),
    workloads: mesh.workloads.map(({ pods: _, injection: __, ...rest }) => ({
      ...{ ...rest, kind: rest.kind as WorkloadKind },
      runs: mesh.pods
        .filter((pod) => pod.workload?.name === rest.name)
        .map((pod) => fresh(pod).proxy?.revision ?? null),
    })),
  });
}

test("planning again on what a plan led to gives no step, and leaves the same", () => {
  let carriedOut = 0;
  fc.assert(
    fc.property(meshes, wishes, (mesh, wish) => {
      const accepted = naming(mesh, accepting(mesh, wish));
      const plan = plans(mesh, accepted);
      if (stopping(plan).length > 0) return;
      carriedOut += 1;
      const again = plans(arrived(mesh, plan), accepted);
      assert.deepEqual([again.steps, stopping(again)], [[], []]);
      assert.deepEqual(again.left, plan.left);
    }),
    { numRuns: 300 },
  );
  assert.ok(carriedOut > 20, `only ${carriedOut} of the plans could be carried out`);
});

test("a target of another name in a mesh of three revisions is told apart", () => {
  const mesh = mission({
    controlPlanes: [plane("1-20"), plane("1-18"), plane("default")],
    injectors: [...ownInjector("1-20"), ...ownInjector("1-18")],
    namespaces: [{ name: "production", labels: { "istio.io/rev": "1-18" } }],
    workloads: [{ namespace: "production", name: "web", runs: ["1-18", "1-20"] }],
  });
  const [relabel, restart] = plans(mesh, {}).steps;
  assert.deepEqual(relabel?.kind === "relabel" && relabel.from, {
    revision: "1-18",
    deploymentUid: "uid-of-istiod-1-18",
  });
  assert.deepEqual(restart?.kind === "restart" && [restart.stalePods, restart.pods, restart.from], [1, 2, ["1-18"]]);
});
