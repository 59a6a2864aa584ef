/** What the trial pods of a workload say, made before and after the labels of its namespace were written. Pure. */
import type { PodObject } from "../../mesh/kubernetes.ts";
import { listed } from "../../mesh/phrase.ts";
import { trialPodAdmission, trialPodMesh } from "../checks/single-checks.ts";
import { type SidecarDifference, sidecarDifferences } from "./sidecar-differences.ts";

/** A trial pod: as admission made it, or why it was not let in. */
export type Trial =
  | { readonly kind: "let-in"; readonly pod: PodObject }
  | { readonly kind: "refused"; readonly reason: string };

/** What the second trial pod is judged by. */
export interface Compared {
  /** Ids of checks whose findings are accepted (`--skip-check`). */
  readonly accepted: readonly string[];
  /** Each of the two revisions lists the other's trust domain among its aliases. */
  readonly trustsBoth: boolean;
}

export interface TrialVerdict {
  /** Why nothing there may be restarted; undefined: nothing speaks against it. */
  readonly failure: string | undefined;
  readonly warnings: readonly string[];
}

/** Texts of refusals that meet every pod alike, whoever makes it: no pod of a controller would be let in either. */
const ofEveryPod = [
  // pod-security-admission: https://kubernetes.io/docs/concepts/security/pod-security-admission/
  /violates PodSecurity/,
  // kubernetes plugin/pkg/admission/limitranger/admission.go
  /(maximum|minimum) \S+ usage per (Container|Pod) is|max limit to request ratio per/,
  // a container without what a quota counts, however much room there is: apiserver plugin/resourcequota/controller.go
  /failed quota: .*must specify/,
];

/** Whether a refusal of a trial pod is an answer by its text alone: see `ofEveryPod`. */
export const refusesEveryPod = (reason: string): boolean => ofEveryPod.some((text) => text.test(reason));

/**
 * The verdict on two trial pods of one workload. One that was let in before the labels were written and is refused after
 * it is an answer; one that was refused before too says nothing, for the policy may be against pods that nothing owns.
 * `before` undefined: there was none, or no answer.
 */
export const trialVerdict = (
  workload: string,
  before: Trial | undefined,
  after: Trial,
  { accepted, trustsBoth }: Compared,
): TrialVerdict => {
  if (after.kind === "refused") return refused(workload, before, after.reason, accepted);
  if (before?.kind !== "let-in") return { failure: undefined, warnings: [] };
  const { breaking, unsure } = judged(sidecarDifferences(before.pod, after.pod), trustsBoth);
  const what = `the sidecar of a trial pod of ${workload} is of another mesh: ${breaking}`;
  const stops = breaking !== "" && !accepted.includes(trialPodMesh.id);
  return {
    failure: stops
      ? `${what}; proxies of the two would refuse or not find each other (to accept it: --skip-check ${trialPodMesh.id})`
      : undefined,
    warnings: [
      ...(breaking !== "" && !stops ? [`${what} (accepted)`] : []),
      ...(unsure === "" ? [] : [`a trial pod of ${workload} shows another mesh or place: ${unsure}`]),
    ],
  };
};

/**
 * The differences in words, empty where there is none: what breaks the mesh for certain; what may break it, or is to be
 * fetched from another place; what only behaves otherwise.
 */
export const judged = (
  differences: readonly SidecarDifference[],
  trustsBoth: boolean,
): { readonly breaking: string; readonly unsure: string; readonly behaviour: string } => {
  const mesh = differences.filter((each) => each.class === "mesh" && !isTrusted(each, trustsBoth));
  return {
    breaking: differencesText(mesh.filter(({ breaks }) => breaks)),
    unsure: differencesText([...mesh.filter(({ breaks }) => !breaks), ...differences.filter(isFetchedElsewhere)]),
    behaviour: differencesText(differences.filter((each) => each.class === "behaviour")),
  };
};

const refused = (
  workload: string,
  before: Trial | undefined,
  reason: string,
  accepted: readonly string[],
): TrialVerdict => {
  const isAnswer = before?.kind === "let-in" || (before === undefined && refusesEveryPod(reason));
  if (isAnswer && !accepted.includes(trialPodAdmission.id)) {
    const when = before === undefined ? "is refused" : "was let in before the labels were changed and is refused now";
    return {
      failure: `a trial pod of ${workload} ${when}: ${reason} (to accept it: --skip-check ${trialPodAdmission.id})`,
      warnings: [],
    };
  }
  const text = `a trial pod of ${workload} was not let in, so its restarted pods are the only proof: ${reason}`;
  return { failure: undefined, warnings: [text] };
};

const isTrusted = ({ field }: SidecarDifference, trustsBoth: boolean): boolean =>
  trustsBoth && field === "env TRUST_DOMAIN";

/** An image of another registry, or with another secret. */
const isFetchedElsewhere = ({ class: kind, field, before, after }: SidecarDifference): boolean =>
  kind === "pod" &&
  after !== undefined &&
  ((field === "image" && before !== undefined) || field.startsWith("imagePullSecrets"));

/** `istio-proxy env TRUST_DOMAIN: corp.example → cluster.local`. */
const differencesText = (differences: readonly SidecarDifference[]): string =>
  listed(
    differences.map(
      ({ container, field, before, after }) =>
        `${container === undefined ? "" : `${container} `}${field}: ${before || "(none)"} → ${after || "(none)"}`,
    ),
    6,
  );
