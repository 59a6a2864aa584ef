/**
 * What the acts of a fault plan are made of: writes in other people's names, again and again, and put back where that
 * is asked for.
 */
import { randomUUID } from "node:crypto";
import { annotations, lifeLabel } from "../real/mesh/stages.ts";
import type { Verdict } from "./api/admission.ts";
import { Refusal } from "./api/status.ts";
import type { Stage } from "./fault-plan.ts";
import { controllerOf, isGoing, isReady, type Json, type KubeJson } from "./object.ts";

export const workloadKinds = ["deployments", "statefulsets", "daemonsets"] as const;

const by = (manager: string) => ({ user: manager, manager });
const ifThere = async <T>(write: Promise<T>): Promise<T | undefined> => {
  try {
    return await write;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
};

export const listIn = ({ mesh }: Stage, plural: string, namespace: string | undefined): readonly KubeJson[] =>
  mesh.store.list(mesh.resources.named(plural), namespace);

/** Of the stage's namespace. */
export const list = (stage: Stage, plural: string): readonly KubeJson[] => listIn(stage, plural, stage.namespace);
export const workloads = (stage: Stage): readonly KubeJson[] => workloadKinds.flatMap((plural) => list(stage, plural));

/**
 * Changes an object as a person or a controller of that name would; nothing where it is gone, or where that is refused.
 */
export const change = (stage: Stage, object: KubeJson, make: (now: KubeJson) => Json, manager = "kubectl-edit") => {
  const { mesh } = stage;
  const resource = mesh.resources.of(object);
  if (!resource) throw new Error(`no resource for ${object.kind}`);
  if (workloadKinds.some((plural) => plural === resource.plural)) stage.blame(object);
  return ifThere(
    mesh.writer.update({ resource, namespace: object.metadata.namespace }, object.metadata.name, make, by(manager)),
  );
};

export const changeSpec = (stage: Stage, object: KubeJson, spec: (now: Json) => Json, manager?: string) =>
  change(stage, object, (now) => ({ ...now, spec: spec(now.spec) }), manager);

/** The template's annotations and labels, merged; `undefined` takes one away. */
export const changeTemplate = (
  stage: Stage,
  object: KubeJson,
  merge: Readonly<Record<string, string | undefined>>,
  manager?: string,
) =>
  changeSpec(
    stage,
    object,
    (spec) => ({
      ...spec,
      template: {
        ...spec.template,
        metadata: {
          ...spec.template.metadata,
          annotations: without({ ...spec.template.metadata.annotations, ...merge }),
        },
      },
    }),
    manager,
  );

const without = (map: Readonly<Record<string, string | undefined>>): Json =>
  Object.fromEntries(Object.entries(map).filter(([, value]) => value !== undefined));

export const relabelNamespace = (
  stage: Stage,
  labels: Readonly<Record<string, string | undefined>>,
  manager?: string,
) => {
  const namespace = namespaceOf(stage);
  stage.blame(namespace);
  return change(stage, namespace, (now) => relabelled(now, labels), manager);
};

export const relabelled = (now: KubeJson, labels: Readonly<Record<string, string | undefined>>): Json => ({
  ...now,
  metadata: { ...now.metadata, labels: without({ ...now.metadata.labels, ...labels }) },
});

export const annotated = (now: KubeJson, more: Readonly<Record<string, string | undefined>>): Json => ({
  ...now,
  metadata: { ...now.metadata, annotations: without({ ...now.metadata.annotations, ...more }) },
});

export function namespaceOf({ mesh, namespace }: Stage): KubeJson {
  const found = mesh.store.get(mesh.resources.named("namespaces"), undefined, namespace);
  if (!found) throw new Error(`no namespace ${namespace}`);
  return found;
}

/** Deletes an object; a pod that goes so is not our loss. */
export const remove = async (stage: Stage, object: KubeJson, graceSeconds?: number): Promise<void> => {
  const { mesh } = stage;
  const resource = mesh.resources.of(object);
  if (!resource) throw new Error(`no resource for ${object.kind}`);
  if (object.kind === "Pod") stage.blame(object);

  await ifThere(
    mesh.writer.delete(
      { resource, namespace: object.metadata.namespace },
      object.metadata.name,
      { uid: object.metadata.uid, graceSeconds },
      by("kubectl-delete"),
    ),
  );
};

/** As it was, in a new life. */
export const recreate = ({ mesh }: Stage, object: KubeJson): Promise<void> => {
  const { name, namespace, labels, annotations: all } = object.metadata;
  const { status: _, ...rest } = object;
  return mesh.apply({
    ...rest,
    metadata: { name, ...(namespace && { namespace }), ...(labels && { labels }), ...(all && { annotations: all }) },
  });
};

/** The pods that a workload runs now. */
export const podsOf = (stage: Stage, workload: KubeJson): readonly KubeJson[] =>
  list(stage, "pods").filter((pod) => !isGoing(pod) && ownerUid(stage, pod) === workload.metadata.uid);

const ownerUid = (stage: Stage, pod: KubeJson): string | undefined => {
  const owner = controllerOf(pod);
  if (owner?.kind !== "ReplicaSet") return owner?.uid;
  const set = list(stage, "replicasets").find(({ metadata }) => metadata.uid === owner.uid);
  return set && controllerOf(set)?.uid;
};

/** Does it now and every so often (ms), until what is given back is called; that rejects for a step that failed. */
export async function every(
  { mesh }: Stage,
  millis: number,
  step: () => Promise<unknown>,
): Promise<() => Promise<unknown>> {
  let [stopped, cancel] = [false, (): void => {}];
  let last: Promise<unknown> = Promise.resolve();
  const go = (): void => {
    last = last.then(step).then(() => {
      if (!stopped) cancel = mesh.clock.after(millis, go);
    });
    last.catch(() => {});
  };
  go();
  return async () => {
    stopped = true;
    cancel();
    await last;
  };
}

/** A webhook of somebody else on these requests, until what is given back is called. */
export async function webhook(
  stage: Stage,
  kind: "Mutating" | "Validating",
  rule: {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly operations: readonly string[];
  },
  answer: (object: Json) => Verdict,
): Promise<() => Promise<unknown>> {
  const { mesh, namespace } = stage;
  const name = `meddler-${randomUUID().slice(0, 8)}`;
  const url = `https://${name}.example/`;
  mesh.onWebhook(url, async (_, { object }) =>
    object && inNamespace(object, namespace) ? answer(object) : { allowed: true },
  );
  const clientConfig = { url };
  const webhooks = [
    {
      name: `${name}.example.com`,
      clientConfig,
      rules: [{ ...rule, apiVersions: ["*"] }],
      sideEffects: "None",
      admissionReviewVersions: ["v1"],
    },
  ];
  const object = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks,
  };
  await mesh.apply(object);
  return async () => {
    const [found] = listIn(stage, `${kind.toLowerCase()}webhookconfigurations`, undefined).filter(
      ({ metadata }) => metadata.name === name,
    );
    if (found) await remove(stage, found);
  };
}

const inNamespace = ({ kind, metadata }: Json, namespace: string): boolean =>
  kind === "Namespace" ? metadata.name === namespace : metadata.namespace === namespace;

/** A webhook makes that of every new pod, once it is injected: it is called after istiod's, by its name. */
export const newPodsAre = (stage: Stage, make: (pod: Json) => Json) =>
  webhook(stage, "Mutating", { apiGroups: [""], resources: ["pods"], operations: ["CREATE"] }, (pod) => ({
    allowed: true,
    object: make(pod),
  }));

/**
 * New pods live this life (test/real/README.md) until what is given back is called; then those that run get well, and
 * the others are replaced.
 */
export async function newPodsLive(stage: Stage, life: string | undefined, more: Readonly<Record<string, string>> = {}) {
  const end = await newPodsAre(stage, (pod) =>
    annotated(life === undefined ? pod : relabelled(pod, { [lifeLabel]: life }), more),
  );
  return async () => {
    await end();
    for (const pod of list(stage, "pods"))
      await (life === undefined || isReady(pod) ? change(stage, pod, well) : remove(stage, pod));
  };
}

const { readyAfter, readyBefore, terminateAfter, container } = annotations;
export const life = { readyAfter, readyBefore, terminateAfter, container } as const;

/** A pod without the life that its labels gave it. */
export const well = (pod: KubeJson): Json =>
  annotated(relabelled(pod, { [lifeLabel]: undefined }) as KubeJson, {
    [terminateAfter]: undefined,
    [container]: undefined,
  });
