/**
 * What the sidecar of another revision changes in a pod: two trial pods of one template, each as a revision injects it,
 * laid side by side. Pure.
 */
import type { PodObject } from "../../mesh/kubernetes.ts";
import { keyOf, type PodField, podFields } from "./pod-fields.ts";

/**
 * `mesh`: proxies of the two would not be of one mesh · `pod`: the pod may not be let in or not start · `behaviour`: it
 * runs otherwise · `cosmetic`: names, versions, and what each release writes in its own way.
 */
export type DifferenceClass = "mesh" | "pod" | "behaviour" | "cosmetic";

export const differenceClasses: readonly DifferenceClass[] = ["mesh", "pod", "behaviour", "cosmetic"];

export interface SidecarDifference {
  readonly class: DifferenceClass;
  /** Undefined: of the pod itself. */
  readonly container: string | undefined;
  /** As `podFields` names it. */
  readonly field: string;
  /** Undefined: it was not there. */
  readonly before: string | undefined;
  /** Undefined: it is no longer there. */
  readonly after: string | undefined;
  /** Of class `mesh`: traffic between the two fails for certain; false: it depends on what a pod does not show. */
  readonly breaks: boolean;
}

/** The differences, the gravest first, then by container and field. */
export const sidecarDifferences = (before: PodObject, after: PodObject): readonly SidecarDifference[] => {
  const [old, now] = [podFields(before), podFields(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .flatMap((key) => difference(old.get(key), now.get(key)))
    .sort(
      (a, b) =>
        differenceClasses.indexOf(a.class) - differenceClasses.indexOf(b.class) || (keyOf2(a) < keyOf2(b) ? -1 : 1),
    );
};

const keyOf2 = ({ container, field }: SidecarDifference): string => keyOf({ container, field, text: "" });

const difference = (old: PodField | undefined, now: PodField | undefined): readonly SidecarDifference[] => {
  const { container, field } = old ?? (now as PodField);
  const [before, after] = [old?.text, now?.text];
  if (before === after) return [];
  const [kind, breaks = false] = classOf(container, field, before, after);
  return [{ class: kind, container, field, before, after, breaks }];
};

type Judgement = readonly [DifferenceClass, breaks?: boolean];

const classOf = (
  container: string | undefined,
  field: string,
  before: string | undefined,
  after: string | undefined,
): Judgement => {
  if (container === undefined) return ofPod(field);
  const judged = container === "istio-proxy" ? ofProxy(field, before, after) : undefined;
  return judged ?? ofContainer(field, before, after);
};

const ofPod = (field: string): Judgement => {
  if (/^imagePullSecrets\b/.test(field)) return ["pod"];
  if (/^volumes\..*\.hostPath\b/.test(field) || /^(hostNetwork|hostPID|hostIPC|securityContext)\b/.test(field))
    return ["pod"];
  return /^(dnsConfig|dnsPolicy|terminationGracePeriodSeconds|shareProcessNamespace)\b/.test(field)
    ? ["behaviour"]
    : ["cosmetic"];
};

/**
 * Variables that say to which mesh the proxy belongs, as files/injection-template.yaml of the istio-discovery chart (1.19
 * to 1.29) writes them.
 */
const ofProxy = (field: string, before: string | undefined, after: string | undefined): Judgement | undefined => {
  switch (field) {
    // The name in every certificate: peers of another trust domain are refused (istio/istio#27828).
    case "env TRUST_DOMAIN":
      return ["mesh", true];
    // An istiod does not know the proxies of a cluster that is not its own (istio/istio#54764).
    case "env ISTIO_META_CLUSTER_ID":
      return ["mesh", before !== undefined && after !== undefined];
    // Endpoints of another network are reached through its gateway; no network is every network
    // (`InNetwork`, istio/istio pilot/pkg/model/context.go).
    case "env ISTIO_META_NETWORK":
      return ["mesh", before !== undefined && before !== ""];
    // Metrics and traces show two meshes; traffic flows.
    case "env ISTIO_META_MESH_ID":
    case "env PILOT_CERT_PROVIDER":
      return ["mesh", false];
    case "env CA_ADDR":
      return ofAuthority(before, after);
    case "order":
      return ["behaviour"];
    default:
      return /^env PROXY_CONFIG\b/.test(field)
        ? [field === "env PROXY_CONFIG.discoveryAddress" ? "cosmetic" : "behaviour"]
        : undefined;
  }
};

/** Each istiod signs for its own revision; whether another CA has the same root, the pod does not tell. */
const ofAuthority = (before = "", after = ""): Judgement => {
  const placeOf = (address: string): string => address.replace(/^istiod[^.]*\./, "istiod.");
  return placeOf(before) === placeOf(after) ? ["cosmetic"] : ["mesh", false];
};

const ofContainer = (field: string, before: string | undefined, after: string | undefined): Judgement => {
  if (field === "place") return ["behaviour"];
  if (field === "image") return [registryOf(before) === registryOf(after) ? "cosmetic" : "pod"];
  if (/^securityContext\b/.test(field)) return ["pod"];
  return /^(resources|lifecycle)\b/.test(field) ? ["behaviour"] : ["cosmetic"];
};

/** The image without its tag and digest. */
export const registryOf = (image: string | undefined): string | undefined =>
  image?.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
