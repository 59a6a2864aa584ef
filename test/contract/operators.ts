/** Operators of a few lines, for kinds of their own: what the tests of owners' ways ask for a restart. */
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";

/** A CustomResourceDefinition of any fields. */
export const definition = (group: string, version: string, plural: string, kind: string): object => ({
  ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
  metadata: { name: `${plural}.${group}` },
  spec: {
    ...{ group, scope: "Namespaced", names: { plural, kind, singular: kind.toLowerCase(), listKind: `${kind}List` } },
    versions: [
      {
        ...{ name: version, served: true, storage: true, subresources: { status: {} } },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
});

/** How an operator of pods behaves. */
export interface Behaviour {
  /** Path of the object. */
  readonly path: string;
  /** How many pods the object has, and the template of one. */
  readonly pods: (object: Json) => number;
  readonly template: (object: Json) => Json;
  /** A text that is another one once the object asks for new pods. */
  readonly asked: (object: Json) => string;
  /** What is written once every pod is as it was asked for; undefined: nothing. */
  readonly rolled?: (object: Json) => object | undefined;
}

const keyOf = "operator.example/asked";

/**
 * Replaces the pods of one object, one by one and each only when all others are ready, as it is asked to. Ends with
 * `stop`.
 */
export function runOperator(mesh: MeshUnderTest, namespace: string, name: string, behaviour: Behaviour) {
  const { api } = mesh;
  const podsPath = `/api/v1/namespaces/${namespace}/pods`;
  let stopped = false;

  const create = (object: Json, index: number): Promise<Json> => {
    const { apiVersion, kind, metadata } = object;
    const { metadata: template = {}, spec } = behaviour.template(object);
    return api.post(podsPath, {
      ...{ apiVersion: "v1", kind: "Pod", spec },
      metadata: {
        name: `${name}-${index}`,
        labels: { app: name, ...template.labels },
        annotations: { ...template.annotations, [keyOf]: behaviour.asked(object) },
        ownerReferences: [{ apiVersion, kind, name, uid: metadata.uid, controller: true }],
      },
    });
  };

  const rolled = async (change: object | undefined): Promise<void> => {
    if (change) await api.merge(behaviour.path, change);
  };

  async function step(): Promise<void> {
    const object = await api.get(behaviour.path);
    const own = (await mesh.pods(namespace)).filter(
      ({ metadata }: Json) => metadata.ownerReferences?.[0]?.uid === object.metadata.uid,
    );
    for (let index = 0; index < behaviour.pods(object); index++) {
      if (own.some(({ metadata }: Json) => metadata.name === `${name}-${index}`)) continue;
      await create(object, index);
      return;
    }
    if (!own.every(isReady)) return;
    const old = own.find(({ metadata }: Json) => metadata.annotations[keyOf] !== behaviour.asked(object));
    if (old) await api.delete(`${podsPath}/${old.metadata.name}`);
    else if (behaviour.rolled) await rolled(behaviour.rolled(object));
  }

  const ended = (async () => {
    while (!stopped) {
      await step().catch(() => {}); // the next turn looks again
      await mesh.pass(250);
    }
  })();
  return {
    stop: async (): Promise<void> => {
      stopped = true;
      await ended;
    },
  };
}

const isReady = ({ status, metadata }: Json): boolean =>
  metadata.deletionTimestamp === undefined &&
  (status?.conditions ?? []).some((each: Json) => each.type === "Ready" && each.status === "True");
