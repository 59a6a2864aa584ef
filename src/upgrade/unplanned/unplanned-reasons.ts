/** Why pods of another revision are in no plan, and how each could be moved all the same. */
import { labelOf } from "../../mesh/labels.ts";
import type { Namespace, ObjectRef, Pod, ProxyKind, Workload } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { listed } from "../../mesh/phrase.ts";
import { asksByTemplate, type Eligibility } from "../plan/eligibility.ts";
import type { Unplanned } from "../plan/plan.ts";
import type { Target } from "../record/undo-record.ts";

/** A namespace with pods on another revision. */
export interface UnplannedPlace {
  readonly namespace: Namespace;
  readonly workloads: readonly Workload[];
  readonly eligibility: Eligibility;
  /** It is in the plan: only what the labels of a namespace do not move is left. */
  readonly isPlanned: boolean;
}

/** The pods of one workload, or of one owner that is none. */
export interface OfObject {
  readonly object: ObjectRef;
  readonly pods: readonly Pod[];
  readonly isJob: boolean;
}

type Why = Pick<Unplanned, "reason" | "remedy" | "open">;

/** Of pods that were injected, in a namespace that is not in the plan. */
export const whyNotInjected = (
  { namespace: { name, labels, injection }, workloads, eligibility }: UnplannedPlace,
  objects: readonly OfObject[],
  { label: to }: Target,
  from: string | undefined,
): Why => {
  const open = (reason: string, remedy: string): Why => ({ reason, remedy, open: true });
  const join = `kubectl label namespace ${name} istio-injection- istio.io/rev=${to} --overwrite`;
  const byTemplates = (): Why | undefined => {
    const staying = new Set(objects.map(({ object }) => refText(object)));
    const asking = workloads.filter((each) => staying.has(refText(each)) && asksByTemplate(each));
    if (asking.length === 0) return undefined;
    const names = listed(
      asking.map((each) => `${each.kind.toLowerCase()}/${each.name}`),
      6,
    );
    const gateways = asking.some(({ gateway }) => gateway) ? "; a gateway ends its connections with its pods" : "";
    return open(
      "no label of the namespace injects them, but the labels of their own templates do",
      `set istio.io/rev: ${to} in the pod templates of ${names} in namespace ${name}, where they are kept${gateways}`,
    );
  };
  switch (eligibility) {
    case "protected":
      return open(
        "istiod injects nothing in this namespace, so their proxy is in their own template",
        "put a proxy of the new revision in the templates, or take it out",
      );
    case "kept-by-owners":
      return { reason: "its owners do not want it moved", remedy: undefined, open: false };
    case "terminating":
      return { reason: "the namespace is being deleted, and they go with it", remedy: undefined, open: false };
    case "disabled":
      return open(
        `istio-injection=${labelOf(labels, "istio-injection")} keeps every sidecar out: a restart takes away the one that they have`,
        `restart them, if they are to have none; if they are to keep it: ${join} (every new pod there then gets one), and run this again`,
      );
    case "ambient":
    case "pod-labels":
    case "unlabelled":
    case "unserved":
      return (
        byTemplates() ??
        (eligibility === "ambient"
          ? open(
              "the namespace is in ambient mode, and they still have a sidecar",
              "restart them: they come up without it",
            )
          : open(
              "nothing injects there any more: a restart takes away the sidecar that they have",
              `restart them, if they are to have none; else: kubectl label namespace ${name} istio.io/rev=${to} (every new pod there then gets one), and run this again`,
            ))
      );
    case "eligible": {
      const serves = injection.kind === "injected" || injection.kind === "refused" ? injection.revision : "another";
      return open(
        `the namespace is injected by ${serves}${from === undefined ? "" : `, and not by ${from}`}; a restart of it would not move only them`,
        `let whoever made them make them again, or move the whole namespace: kubectl mesh-migrate -n ${name} --to ${to}`,
      );
    }
  }
};

/** Of proxies that an installer or istiod deployed: they are no part of a migration of namespaces. */
export const whyNotDeployed = (kind: ProxyKind | undefined): Why =>
  kind === "managed-gateway" || kind === "waypoint"
    ? {
        reason:
          "istiod deployed it for a Gateway: it follows istio.io/rev of the Gateway, else of its namespace, else tag default",
        remedy: "move it by itself: by the label of the Gateway, or with tag default",
        open: false,
      }
    : {
        reason: "an installer deployed it: only a new installation changes its revision",
        remedy: "move it with the tool that installed it",
        open: false,
      };
