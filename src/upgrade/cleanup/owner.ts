/** Who looks after a revision: where somebody does, its own removal is named and nothing is deleted here. */
import type { ObjectMeta } from "../../mesh/kubernetes.ts";
import { labelOf } from "../../mesh/labels.ts";
import { counted, listed } from "../../mesh/phrase.ts";
import { shellWord } from "../commands.ts";
import { refKey } from "./chart-objects.ts";
import type { OwnedObject, Owner, ResourceRef, SharedObject } from "./revision-inventory.ts";

/** A live object, of which the metadata are known. */
export interface MetaObject {
  readonly ref: ResourceRef;
  readonly meta: ObjectMeta;
}

/** An IstioOperator, Istio or IstioRevision, but for what istioctl keeps of its own settings (`installed-state`). */
export interface OperatorResource extends MetaObject {
  /** The revision that it describes. */
  readonly revision: string;
}

export interface OwnerFacts {
  /** Metadata of the revision's Deployment, Service and webhook: any of them shows the owner. */
  readonly marks: readonly ObjectMeta[];
  /** Live objects of every kind that a release may have; undefined: there was no reason to read them. */
  readonly all: readonly MetaObject[] | undefined;
  readonly operators: readonly OperatorResource[];
  /** Running operators (Deployments `istio-operator*`, and Sail's). */
  readonly operatorsAlive: number;
  /** The address of the control plane, where its webhooks call one outside the cluster. */
  readonly url: string | undefined;
  /** Whether everything was read that an owner's removal may delete. */
  readonly complete: boolean;
}

/** The Helm release that an object belongs to. */
export interface HelmRelease {
  readonly name: string;
  readonly namespace: string;
}

/** Helm goes by these annotations alone; its label proves nothing, for istioctl renders the same charts. */
export const helmReleaseOf = ({ annotations, namespace }: ObjectMeta): HelmRelease | undefined => {
  const name = labelOf(annotations, "meta.helm.sh/release-name");
  return name === undefined
    ? undefined
    : { name, namespace: labelOf(annotations, "meta.helm.sh/release-namespace") ?? namespace ?? "" };
};

/** `owned`: what is provably the revision's; everything else that an owner's removal would delete is shared. */
export function ownerOf(facts: OwnerFacts, owned: readonly OwnedObject[], revision: string): Owner {
  const release = facts.marks.map(helmReleaseOf).find((found) => found !== undefined);
  const operator = operatorOf(facts, revision);
  if (operator) return byOperator(operator, facts, owned);
  if (release) return byHelm(release, facts, owned);
  const source = facts.marks.map(gitSourceOf).find((found) => found !== undefined);
  if (source) return unnamed("managed", source.name, source.advice);
  if (facts.url !== undefined)
    return unnamed(
      "managed",
      `a control plane outside this cluster (${facts.url})`,
      "remove it with the tools of whoever runs it",
    );
  const isManaged = facts.marks.some(({ labels }) => labelOf(labels, "operator.istio.io/managed") !== undefined);
  return { kind: "nobody", installer: isManaged ? "istioctl" : "manifests" };
}

const unnamed = (kind: "managed", name: string, advice: string): Owner => ({
  ...{ kind, name, deletes: [], shared: [], command: undefined, advice },
});

function byHelm({ name, namespace }: HelmRelease, facts: OwnerFacts, owned: readonly OwnedObject[]): Owner {
  const deletes = (facts.all ?? []).filter(({ meta }) => {
    const release = helmReleaseOf(meta);
    const isKept = labelOf(meta.annotations, "helm.sh/resource-policy") === "keep";
    return release?.name === name && release.namespace === namespace && !isKept;
  });
  const shared = sharedAmong(deletes, owned);
  const command = `helm uninstall ${shellWord(name)} -n ${shellWord(namespace)}`;
  return {
    kind: "helm",
    name: `Helm release ${name} in namespace ${namespace}`,
    deletes: deletes.map(({ ref }) => ref),
    shared,
    command: facts.complete && facts.all && shared.length === 0 ? command : undefined,
    ...(shared.length > 0 && {
      advice: `the release also has ${sharedText(shared)}: keep them with 'kubectl annotate ${shared
        .map(({ ref }) => keptArgument(ref))
        .join(
          " ",
        )} helm.sh/resource-policy=keep' in the release's own manifests (helm upgrade), or hand them over to another release`,
    }),
  };
}

const keptArgument = ({ plural, group, name, namespace }: ResourceRef): string =>
  `${plural}${group === "" ? "" : `.${group}`}/${name}${namespace === undefined ? "" : ` -n ${namespace}`}`;

const sharedText = (shared: readonly SharedObject[]): string =>
  listed(
    shared.map(({ ref }) => refKey(ref)),
    6,
  );

const sharedAmong = (deletes: readonly MetaObject[], owned: readonly OwnedObject[]): readonly SharedObject[] => {
  const own = new Set(owned.map(({ ref }) => refKey(ref)));
  return deletes
    .filter(({ ref }) => !own.has(refKey(ref)))
    .map(({ ref }) => ({ ref, why: "it is not the revision's alone" }));
};

/** The resource whose operator made the revision. */
function operatorOf({ operators, marks }: OwnerFacts, revision: string): OperatorResource | OperatorMark | undefined {
  const found = operators.find((each) => each.revision === revision);
  if (found) return found;
  for (const { ownerReferences = [], labels } of marks) {
    const reference = ownerReferences.find(({ kind }) => ["Istio", "IstioRevision", "IstioOperator"].includes(kind));
    if (reference) return { kind: reference.kind, name: reference.name, namespace: undefined };
    const resource = labelOf(labels, "install.operator.istio.io/owning-resource") ?? "unknown";
    if (resource !== "unknown" && !resource.startsWith("installed-state"))
      return {
        kind: "IstioOperator",
        name: resource,
        namespace: labelOf(labels, "install.operator.istio.io/owning-resource-namespace"),
      };
  }
  return undefined;
}

/** An operator's resource that the objects name and that was not found. */
interface OperatorMark {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | undefined;
}

function byOperator(found: OperatorResource | OperatorMark, facts: OwnerFacts, owned: readonly OwnedObject[]): Owner {
  if (!("ref" in found)) {
    const where = found.namespace === undefined ? found.name : `${found.namespace}/${found.name}`;
    return {
      ...{ kind: "operator", name: `${found.kind} ${where}`, deletes: [], shared: [], command: undefined },
      advice: "its objects name it, and it was not found: look for its operator first",
    };
  }
  const { ref, meta } = found;
  const name = `${ref.kind} ${ref.namespace === undefined ? "" : `${ref.namespace}/`}${ref.name}`;
  const deletes = (facts.all ?? []).filter(({ meta: each }) => isMadeBy(each, found));
  const shared = sharedAmong(deletes, owned);
  const isStuck = (meta.finalizers ?? []).length > 0 && facts.operatorsAlive === 0;
  const command = `kubectl delete ${ref.plural}.${ref.group} ${shellWord(ref.name)}${ref.namespace === undefined ? "" : ` -n ${shellWord(ref.namespace)}`}`;
  const isNamed = facts.complete && facts.all && shared.length === 0 && !isStuck;
  const advice = isStuck
    ? `it has ${counted((meta.finalizers ?? []).length, "finalizer")} and no operator runs that would remove it: start its operator again, or remove the finalizer once you have removed the objects`
    : shared.length > 0
      ? `its operator would also delete ${sharedText(shared)}: give these to another resource first`
      : "delete it while its operator and istiod run, and the operator last";
  return {
    ...{ kind: "operator", name, deletes: deletes.map((each) => each.ref), shared },
    ...{ command: isNamed ? command : undefined, advice },
  };
}

const isMadeBy = ({ ownerReferences = [], labels }: ObjectMeta, { ref, meta }: OperatorResource): boolean =>
  ownerReferences.some(({ uid }) => uid === meta.uid) ||
  (ref.kind === "IstioOperator" &&
    labelOf(labels, "install.operator.istio.io/owning-resource") === ref.name &&
    labelOf(labels, "install.operator.istio.io/owning-resource-namespace") === ref.namespace);

/** Argo CD and Flux write again what is deleted here, from Git. */
function gitSourceOf({
  annotations,
  labels,
}: ObjectMeta): { readonly name: string; readonly advice: string } | undefined {
  const application = labelOf(annotations, "argocd.argoproj.io/tracking-id")?.split(":", 1)[0];
  if (application !== undefined)
    return {
      name: `Argo CD application ${application}`,
      advice: "remove the revision from its Git source, or the application: it would write again what is deleted here",
    };
  for (const controller of ["kustomize", "helm"]) {
    const name = labelOf(labels, `${controller}.toolkit.fluxcd.io/name`);
    if (name !== undefined)
      return {
        name: `Flux ${controller === "helm" ? "HelmRelease" : "Kustomization"} ${labelOf(labels, `${controller}.toolkit.fluxcd.io/namespace`) ?? ""}/${name}`,
        advice: "remove the revision from its Git source: Flux would write again what is deleted here",
      };
  }
  return undefined;
}
