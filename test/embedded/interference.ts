/**
 * What others do to a namespace while it moves from `default` to `1-20`: GitOps, autoscalers, people, other
 * controllers, another of us. By name.
 */
import { undoAnnotation } from "../../src/mesh/model.ts";
import { stateName } from "../../src/upgrade/record/run-journal.ts";
import { barePod, deployment, job } from "../fixtures/workload-objects.ts";
import type { Act, Stage } from "./fault-plan.ts";
import type { Json, KubeJson } from "./object.ts";
import {
  annotated,
  change,
  changeSpec,
  changeTemplate,
  every,
  list,
  namespaceOf,
  podsOf,
  recreate,
  relabelled,
  relabelNamespace,
  remove,
  webhook,
  workloads,
} from "./writes.ts";

const stamp = "kubectl.kubernetes.io/restartedAt";
const enabled = { "istio-injection": "enabled", "istio.io/rev": undefined };
const kindOf = (stage: Stage, plural: string): readonly KubeJson[] => list(stage, plural);
const replicated = (stage: Stage): readonly KubeJson[] => [
  ...kindOf(stage, "deployments"),
  ...kindOf(stage, "statefulsets"),
];
/** A workload as it is now; undefined once it is gone. */
const now = (stage: Stage, { kind, metadata }: KubeJson): KubeJson | undefined =>
  workloads(stage).find((each) => each.kind === kind && each.metadata.name === metadata.name);
const each = async (objects: readonly KubeJson[], act: (object: KubeJson) => Promise<unknown>): Promise<void> => {
  for (const object of objects) await act(object);
};
/**
 * Which pods go when a workload is scaled in the midst of a rollout, ready ones too, is its controller's choice and not
 * ours.
 */
const scale = (stage: Stage, object: KubeJson, replicas: number, manager: string) => {
  for (const pod of podsOf(stage, object)) stage.blame(pod);
  return changeSpec(stage, object, (spec) => ({ ...spec, replicas }), manager);
};

/**
 * What git says is what was there when the act began: before our run, or what stands there in its midst without our
 * stamp.
 */
const gitOps: Readonly<Record<string, Act>> = {
  "puts the labels back every 3 s": (stage) =>
    every(stage, 3_000, () => relabelNamespace(stage, enabled, "kustomize-controller")),
  "puts the labels back once": async (stage) => {
    await relabelNamespace(stage, enabled, "argocd-controller");
    return undefined;
  },
  "puts the templates back every 3 s": (stage) =>
    every(stage, 3_000, () =>
      each(workloads(stage), (object) => changeTemplate(stage, object, { [stamp]: undefined }, "kustomize-controller")),
    ),
  "puts the templates back once": async (stage) => {
    await each(workloads(stage), (object) =>
      changeTemplate(stage, object, { [stamp]: undefined }, "argocd-controller"),
    );
    return undefined;
  },
  "takes our record away every 3 s": (stage) =>
    every(stage, 3_000, () =>
      change(
        stage,
        namespaceOf(stage),
        (found) => annotated(found, { [undoAnnotation]: undefined }),
        "kustomize-controller",
      ),
    ),
};

const autoscaler: Readonly<Record<string, Act>> = {
  "scales 3 to 7 to 2": async (stage) => {
    const first = replicated(stage).slice(0, 1);
    await each(first, (object) => scale(stage, object, 7, "horizontal-pod-autoscaler"));
    const cancel = stage.mesh.clock.after(
      4_000,
      () => void each(first, (object) => scale(stage, object, 2, "horizontal-pod-autoscaler")),
    );
    return async () => cancel();
  },
  "scales up and down every 2 s": (stage) => {
    let up = false;
    return every(stage, 2_000, async () => {
      up = !up;
      await each(replicated(stage), (object) => scale(stage, object, up ? 5 : 3, "horizontal-pod-autoscaler"));
    });
  },
};

const images =
  (tag: string) =>
  (spec: Json): Json => ({
    ...spec,
    template: {
      ...spec.template,
      spec: {
        ...spec.template.spec,
        containers: spec.template.spec.containers.map((container: Json) => ({
          ...container,
          image: `registry.example/app:${tag}`,
        })),
      },
    },
  });

const ownState = (stage: Stage, plural: string): readonly KubeJson[] =>
  list(stage, plural).filter(({ metadata }) => metadata.name === stateName);

const person: Readonly<Record<string, Act>> = {
  "deletes a pod of each workload": async (stage) => {
    for (const workload of workloads(stage))
      await each(podsOf(stage, workload).slice(0, 1), (pod) => remove(stage, pod));
    return undefined;
  },
  "deletes all pods": async (stage) => {
    await each(list(stage, "pods"), (pod) => remove(stage, pod));
    return undefined;
  },
  "rolls out another image": async (stage) => {
    await each(workloads(stage), (object) => changeSpec(stage, object, images("2")));
    return undefined;
  },
  "rolls back to the template before": async (stage) => {
    for (const object of kindOf(stage, "deployments")) {
      const sets = list(stage, "replicasets").filter(
        ({ metadata }) => metadata.ownerReferences?.[0]?.uid === object.metadata.uid,
      );
      const template = sets.find(({ spec }) => spec.template.metadata.annotations?.[stamp] === undefined)?.spec
        .template;
      const { "pod-template-hash": _, ...labels } = template?.metadata.labels ?? {};
      if (template)
        await changeSpec(
          stage,
          object,
          (spec) => ({ ...spec, template: { ...template, metadata: { ...template.metadata, labels } } }),
          "kubectl-rollout",
        );
    }
    return undefined;
  },
  "restarts everything": async (stage) => {
    const at = new Date(stage.mesh.clock.wall()).toISOString();
    await each(workloads(stage), (object) => changeTemplate(stage, object, { [stamp]: at }, "kubectl-rollout"));
    return undefined;
  },
  "pauses the Deployments": async (stage) => {
    const pause = (paused: boolean) =>
      each(kindOf(stage, "deployments"), (object) => changeSpec(stage, object, (spec) => ({ ...spec, paused })));
    await pause(true);
    return () => pause(false);
  },
  "sets OnDelete": async (stage) => {
    const sets = [...kindOf(stage, "statefulsets"), ...kindOf(stage, "daemonsets")];
    await each(sets, (object) =>
      changeSpec(stage, object, (spec) => ({ ...spec, updateStrategy: { type: "OnDelete" } })),
    );
    return () =>
      each(sets, (object) =>
        changeSpec(stage, object, (spec) => ({ ...spec, updateStrategy: object.spec.updateStrategy })),
      );
  },
  "sets a partition": async (stage) => {
    const partition = (count: number) =>
      each(kindOf(stage, "statefulsets"), (object) =>
        changeSpec(stage, object, (spec) => ({
          ...spec,
          updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: count } },
        })),
      );
    await partition(1);
    return () => partition(0);
  },
  "scales to 0": async (stage) => {
    const before = replicated(stage);
    await each(before, (object) => scale(stage, object, 0, "kubectl"));
    return () => each(before, (object) => scale(stage, object, object.spec.replicas, "kubectl"));
  },
  "scales to 6": async (stage) => {
    await each(replicated(stage), (object) => scale(stage, object, 6, "kubectl"));
    return undefined;
  },
  "relabels back": async (stage) => {
    await relabelNamespace(stage, enabled, "kubectl-label");
    return undefined;
  },
  "relabels to another revision": async (stage) => {
    const before = namespaceOf(stage).metadata.labels ?? {};
    await relabelNamespace(stage, { "istio-injection": undefined, "istio.io/rev": "rival" }, "kubectl-label");
    return () =>
      relabelNamespace(stage, { "istio-injection": before["istio-injection"], "istio.io/rev": before["istio.io/rev"] });
  },
  "takes the labels away": async (stage) => {
    const before = namespaceOf(stage).metadata.labels ?? {};
    await relabelNamespace(stage, { "istio-injection": undefined, "istio.io/rev": undefined }, "kubectl-label");
    return () =>
      relabelNamespace(stage, { "istio-injection": before["istio-injection"], "istio.io/rev": before["istio.io/rev"] });
  },
  "sets the other label too": async (stage) => {
    await relabelNamespace(stage, { "istio-injection": "enabled" }, "kubectl-label");
    return undefined;
  },
  "adds a label of his own": async (stage) => {
    await relabelNamespace(stage, { team: "shop" }, "kubectl-label");
    return undefined;
  },
  "takes our record away": async (stage) => {
    await change(stage, namespaceOf(stage), (found) => annotated(found, { [undoAnnotation]: undefined }));
    return undefined;
  },
  "deletes our journal": async (stage) => {
    await each(ownState(stage, "configmaps"), (object) => remove(stage, object));
    return undefined;
  },
  "deletes our lock": async (stage) => {
    await each(ownState(stage, "leases"), (object) => remove(stage, object));
    return undefined;
  },
  "deletes a workload": async (stage) => {
    const gone = workloads(stage).slice(0, 1);
    for (const object of gone) await each(podsOf(stage, object), async (pod) => stage.blame(pod));
    await each(gone, (object) => remove(stage, object));
    return () => each(gone, (object) => (now(stage, object) ? Promise.resolve() : recreate(stage, object)));
  },
  "deletes a workload and makes it anew": async (stage) => {
    const gone = workloads(stage).slice(-1);
    for (const object of gone) await each(podsOf(stage, object), async (pod) => stage.blame(pod));
    await each(gone, async (object) => {
      await remove(stage, object);
      await recreate(stage, object);
    });
    return undefined;
  },
  "deletes the namespace and makes it anew": async (stage) => {
    const { mesh, namespace } = stage;
    const [before, all] = [namespaceOf(stage), workloads(stage)];
    for (const object of [...list(stage, "pods"), before]) stage.blame(object);
    await remove(stage, before);
    return async () => {
      await mesh.eventually("the namespace to be gone", () => list(stage, "pods").length === 0 && !exists(stage), 600);
      await mesh.apply({ ...before, metadata: { name: namespace, labels: { "istio-injection": "enabled" } } });
      await each(all, (object) => recreate(stage, object));
    };
  },
  "adds a workload": async ({ mesh, namespace }) => {
    await mesh.apply(deployment({ namespace, name: "new", replicas: 2, readyAfter: 500 }));
    return undefined;
  },
  "adds a bare pod": async (stage) => {
    const { mesh, namespace } = stage;
    await mesh.apply(barePod({ namespace, name: "lonely" }));
    return () =>
      each(
        list(stage, "pods").filter(({ metadata }) => metadata.name === "lonely"),
        (pod) => remove(stage, pod),
      );
  },
  "starts a Job": async ({ mesh, namespace }) => {
    await mesh.apply(job({ namespace, name: "import", runFor: 3_000 }));
    return undefined;
  },
  "adds a quota that is full": (stage) => {
    const pods = String(list(stage, "pods").length);
    return added(stage, { apiVersion: "v1", kind: "ResourceQuota", spec: { hard: { pods } } });
  },
  "adds a budget of 0": (stage) =>
    added(stage, { apiVersion: "policy/v1", kind: "PodDisruptionBudget", spec: { maxUnavailable: 0, selector: {} } }),
  "sets a short progress deadline": async (stage) => {
    await each(kindOf(stage, "deployments"), (object) =>
      changeSpec(stage, object, (spec) => ({ ...spec, progressDeadlineSeconds: 2 })),
    );
    return () =>
      each(kindOf(stage, "deployments"), (object) =>
        changeSpec(stage, object, (spec) => ({ ...spec, progressDeadlineSeconds: 600 })),
      );
  },
};

const exists = ({ mesh, namespace }: Stage): boolean =>
  mesh.store.get(mesh.resources.named("namespaces"), undefined, namespace) !== undefined;

async function added(stage: Stage, object: Json): Promise<() => Promise<unknown>> {
  await stage.mesh.apply({ ...object, metadata: { name: "meddler", namespace: stage.namespace } });
  const plural = `${object.kind.toLowerCase()}s`;
  return () =>
    each(
      list(stage, plural).filter(({ metadata }) => metadata.name === "meddler"),
      (found) => remove(stage, found),
    );
}

const labels = { apiGroups: [""], resources: ["namespaces"], operations: ["UPDATE"] };
const no = { allowed: false, message: "not today", code: 403 } as const;

const controller: Readonly<Record<string, Act>> = {
  "a VPA evicts a pod every 3 s": (stage) =>
    every(stage, 3_000, async () => {
      const pods = list(stage, "pods").filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const oldest = pods.toSorted((a, b) => (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1))[0];
      if (!oldest) return;
      stage.blame(oldest);
      const { name, namespace } = oldest.metadata;
      const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } };
      await stage.mesh.api.post(`/api/v1/namespaces/${namespace}/pods/${name}/eviction`, body).catch(() => {});
    }),
  "a policy denies labels": (stage) => webhook(stage, "Validating", labels, () => no),
  "a policy rewrites labels": (stage) =>
    webhook(stage, "Mutating", labels, (object) => ({ allowed: true, object: relabelled(object, enabled) })),
  "a policy denies restarts": (stage) =>
    webhook(
      stage,
      "Validating",
      { apiGroups: ["apps"], resources: ["deployments", "statefulsets", "daemonsets"], operations: ["UPDATE"] },
      () => no,
    ),
  "a policy drops restarts": (stage) =>
    webhook(
      stage,
      "Mutating",
      { apiGroups: ["apps"], resources: ["deployments", "statefulsets", "daemonsets"], operations: ["UPDATE"] },
      ({ spec, ...object }) => {
        const { [stamp]: _, ...rest } = spec.template.metadata.annotations ?? {};
        return {
          allowed: true,
          object: {
            ...object,
            spec: {
              ...spec,
              template: { ...spec.template, metadata: { ...spec.template.metadata, annotations: rest } },
            },
          },
        };
      },
    ),
  "a policy denies pods": (stage) =>
    webhook(stage, "Validating", { apiGroups: [""], resources: ["pods"], operations: ["CREATE"] }, () => no),
};

/** The field manager of the other mesh-migrate, by which its writes are told from those of the one under test. */
export const another = "another-mesh-migrate";

/** Another mesh-migrate; it ends before the act does, and goes on until it has finished. */
const migratesTo =
  (revision: string): Act =>
  async (stage) => {
    const { mesh, namespace } = stage;
    const run = () =>
      mesh.run("mesh-migrate", [
        "-n",
        namespace,
        "--to",
        revision,
        "--workload-timeout",
        "60s",
        "--timeout",
        "10m",
        "--field-manager",
        another,
      ]);
    const first = run();
    const stop = mesh.onAnswer(({ url }) => {
      if (url.searchParams.get("fieldManager") !== another) return;
      for (const object of [namespaceOf(stage), ...workloads(stage)]) stage.blame(object);
    });
    return async () => {
      const { code, stdout, stderr } = await first;
      stop();
      if (![0, 1, 3, 4, 5].includes(code) || /this is a bug/.test(stderr))
        throw new Error(`the other mesh-migrate: exit ${code}\n${stdout}${stderr}`);
      if (revision === "rival" && code === 4) await run();
    };
  };

const named = (prefix: string, acts: Readonly<Record<string, Act>>): readonly (readonly [string, Act])[] =>
  Object.entries(acts).map(([name, act]) => [`${prefix}${name}`, act]);

export const interferences: Readonly<Record<string, Act>> = Object.fromEntries([
  ...named("GitOps ", gitOps),
  ...named("an HPA ", autoscaler),
  ...named("a person ", person),
  ...named("", controller),
  ...named("another mesh-migrate ", { "to the same": migratesTo("1-20"), "to another": migratesTo("rival") }),
]);

/** After which there is nothing left to migrate. */
export const endings: Readonly<Record<string, Act>> = {
  "a person deletes the namespace": async (stage) => {
    for (const object of [...list(stage, "pods"), namespaceOf(stage)]) stage.blame(object);
    await remove(stage, namespaceOf(stage));
    return undefined;
  },
};
