/**
 * The weaker proof, by the pods alone, for control planes that cannot be asked which proxies they hold: it is asked for
 * by name (`--proof pods`), and never taken for the proof by connections.
 */
import type { IstiodAnswer, Mesh, Pod } from "../../mesh/model.ts";
import { isElsewhere, serviceIn } from "../../mesh/revision-state.ts";

/** What a run may go by where istiods cannot be asked. */
export interface PodsProof {
  /** The revisions whose istiods cannot be asked. Of all others the connections are asked for as ever. */
  readonly unasked: readonly string[];
  /** Those of them that run outside this cluster. */
  readonly elsewhere: readonly string[];
  /** The revision behind each Service of an istiod, by `NAMESPACE/SERVICE`. */
  readonly services: ReadonlyMap<string, string>;
  readonly istioNamespace: string;
  /** What the webhook made of a trial pod of the same template right before; absent: there was none. */
  readonly trial?: TrialProxy | undefined;
}

/** The proxy of a trial pod. */
export interface TrialProxy {
  readonly version: string | undefined;
  readonly discoveryAddress: string | undefined;
}

/** Whether some of its istiods gave no answer, each of them for a reason that stays. */
export const cannotBeAsked = (mesh: Pick<Mesh, "answers">, revision: string): boolean => {
  const silent = mesh.answers.filter((answer) => answer.revision === revision && answer.kind === "unanswered");
  return silent.length > 0 && silent.every(hasBarrier);
};

export const hasBarrier = (answer: IstiodAnswer): boolean =>
  answer.kind === "unanswered" && answer.barrier !== undefined;

/** The weaker proof for those of these revisions that need it; undefined where every one of them can be asked. */
export const podsProofOf = (mesh: Mesh, revisions: readonly string[]): PodsProof | undefined => {
  const elsewhere = revisions.filter((revision) => isElsewhere(mesh, revision));
  const unasked = [...new Set([...elsewhere, ...revisions.filter((revision) => cannotBeAsked(mesh, revision))])];
  if (unasked.length === 0) return undefined;
  const services = (mesh.istiodServices ?? []).map(
    ({ namespace, name, revision }) => [`${namespace}/${name}`, revision] as const,
  );
  return { unasked, elsewhere, services: new Map(services), istioNamespace: mesh.istioNamespace };
};

/**
 * Why a pod that its annotation calls injected by `revision` is not configured for it; undefined where it is: its
 * `discoveryAddress` leads to an istiod of the revision, and its proxy is the one that the revision injects. `certain`:
 * it is seen to be otherwise, rather than not to be seen.
 */
export const misconfigured = (
  { proxy }: Pod,
  revision: string,
  { elsewhere, services, istioNamespace, trial }: PodsProof,
): { readonly certain: boolean; readonly reason: string } | undefined => {
  const address = proxy?.discoveryAddress;
  if (address === undefined) return { certain: false, reason: "its proxy does not say where its istiod is" };
  const service = serviceIn(address, istioNamespace);
  const behind = service && services.get(`${service.namespace}/${service.name}`);
  if (behind !== undefined && behind !== revision)
    return { certain: true, reason: `its proxy is configured for ${address}, an istiod of ${behind}` };
  const leadsThere =
    behind === revision ||
    trial?.discoveryAddress === address ||
    (service === undefined && elsewhere.includes(revision));
  if (!leadsThere)
    return { certain: false, reason: `whether ${address}, its proxy's istiod, is one of ${revision} is not known` };
  if (trial?.version !== undefined && trial.version !== proxy?.version)
    return {
      certain: true,
      reason: `its proxy is ${proxy?.version ?? "of no known version"}, and ${revision} injects ${trial.version}`,
    };
  return undefined;
};
