/** A pod of the mesh as its controller made it, to be tried again: without what the injector added to it. */
import type { PodObject } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";

const statusAnnotation = "sidecar.istio.io/status";

/**
 * What an operator would create again in place of this pod, for a dry run. The status annotation lists what the injector
 * added (`SidecarInjectionStatus`, istio/istio pkg/kube/inject/inject.go); the node, and what the API server filled in,
 * is left out. Undefined where the annotation cannot be read: then what is the injector's cannot be told.
 */
export const trialPodOf = ({ metadata, spec }: PodObject): object | undefined => {
  const added = addedBy(labelOf(metadata.annotations, statusAnnotation));
  if (added === undefined) return undefined;
  const without = <T extends { readonly name: string }>(list: readonly T[] | undefined, names: readonly string[]) =>
    (list ?? []).filter(({ name }) => !names.includes(name));
  const { nodeName: _, ...rest } = spec as PodObject["spec"] & { readonly priority?: number };
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) => !ofInjector.has(key));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${metadata.name.slice(0, 50)}-`,
      namespace: metadata.namespace,
      labels: metadata.labels ?? {},
      annotations: Object.fromEntries(annotations),
    },
    spec: {
      ...rest,
      containers: without(spec.containers, added.containers),
      initContainers: without(spec.initContainers, added.initContainers),
      volumes: without(spec.volumes, added.volumes),
    },
  };
};

/** Annotations that say what an injector did: a pod that has the first is not injected again. */
const ofInjector: ReadonlySet<string> = new Set([statusAnnotation, "istio.io/rev"]);

interface Added {
  readonly containers: readonly string[];
  readonly initContainers: readonly string[];
  readonly volumes: readonly string[];
}

const addedBy = (text: string | undefined): Added | undefined => {
  if (text === undefined) return { containers: [], initContainers: [], volumes: [] };
  try {
    const { containers, initContainers, volumes } = JSON.parse(text) as Record<string, unknown>;
    return { containers: names(containers), initContainers: names(initContainers), volumes: names(volumes) };
  } catch {
    return undefined;
  }
};

/** Null in place of an empty list, as Go writes it. */
const names = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
