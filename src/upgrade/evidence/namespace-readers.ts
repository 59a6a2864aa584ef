/** The selectors of namespaces in the cluster's objects (NetworkPolicies, webhooks, policies, Gateways). */
import type { KubeObject, LabelSelector, WebhookConfigurationObject, WebhookRule } from "../../mesh/kubernetes.ts";
import type { NamespaceReader } from "./cluster-evidence.ts";

interface Peer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
}

export interface NetworkPolicyObject extends KubeObject {
  readonly spec?: {
    readonly ingress?: readonly { readonly from?: readonly Peer[] }[];
    readonly egress?: readonly { readonly to?: readonly Peer[] }[];
  };
}

interface MatchResources {
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly resourceRules?: readonly WebhookRule[];
}

/**
 * ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding and the two Mutating kinds, which have the same fields.
 */
export interface AdmissionPolicyObject extends KubeObject {
  readonly spec?: { readonly matchConstraints?: MatchResources; readonly matchResources?: MatchResources };
}

export interface RouteGatewayObject extends KubeObject {
  readonly spec?: {
    readonly listeners?: readonly {
      readonly name: string;
      readonly allowedRoutes?: { readonly namespaces?: { readonly from?: string; readonly selector?: LabelSelector } };
    }[];
  };
}

/**
 * The namespace selectors of a NetworkPolicy.
 * https://kubernetes.io/docs/concepts/services-networking/network-policies/#behavior-of-to-and-from-selectors
 */
export const networkPolicyReaders = ({ metadata, spec = {} }: NetworkPolicyObject): readonly NamespaceReader[] => {
  const readers = (direction: string, rules: readonly (readonly Peer[] | undefined)[]): readonly NamespaceReader[] =>
    rules.flatMap((peers = [], index) =>
      peers.flatMap(({ namespaceSelector }): readonly NamespaceReader[] =>
        namespaceSelector === undefined
          ? []
          : [
              {
                kind: "NetworkPolicy",
                namespace: metadata.namespace,
                name: metadata.name,
                where: `${direction} rule ${index + 1}`,
                selector: namespaceSelector,
              },
            ],
      ),
    );
  return [
    ...readers(
      "ingress",
      (spec.ingress ?? []).map(({ from }) => from),
    ),
    ...readers(
      "egress",
      (spec.egress ?? []).map(({ to }) => to),
    ),
  ];
};

/**
 * The selectors of a webhook configuration: `namespaceSelector` looks at the labels of an object's namespace, and
 * `objectSelector`, where the object is a namespace, at its own labels.
 */
export const webhookReaders = (
  kind: "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
  { metadata, webhooks = [] }: WebhookConfigurationObject,
): readonly NamespaceReader[] =>
  webhooks.flatMap(({ name, namespaceSelector, objectSelector, rules, matchConditions }) => {
    const reader = { kind, namespace: undefined, name: metadata.name, where: `webhook ${name}` };
    return [
      ...matching(reader, { namespaceSelector, objectSelector, resourceRules: rules }),
      ...expressions(reader, matchConditions),
    ];
  });

/** The selectors of an admission policy or its binding, and expressions that contain an injection label. */
export const policyReaders = (
  kind: Extract<NamespaceReader["kind"], `${string}AdmissionPolicy${string}`>,
  { metadata, spec = {} }: AdmissionPolicyObject,
): readonly NamespaceReader[] => {
  const reader = {
    kind,
    namespace: undefined,
    name: metadata.name,
    where: spec.matchResources === undefined ? "matchConstraints" : "matchResources",
  };
  const { matchConstraints, matchResources, ...rest } = spec;
  return [
    ...matching(reader, matchConstraints),
    ...matching(reader, matchResources),
    ...expressions({ ...reader, where: "the policy" }, rest),
  ];
};

/** The namespace selectors of a Gateway's listeners. https://gateway-api.sigs.k8s.io/reference/spec/#routenamespaces */
export const routeReaders = ({ metadata, spec = {} }: RouteGatewayObject): readonly NamespaceReader[] =>
  (spec.listeners ?? []).flatMap(({ name, allowedRoutes }): readonly NamespaceReader[] =>
    allowedRoutes?.namespaces?.from === "Selector"
      ? [
          {
            kind: "Gateway",
            namespace: metadata.namespace,
            name: metadata.name,
            where: `listener ${name}`,
            selector: allowedRoutes.namespaces.selector,
          },
        ]
      : [],
  );

type Place = Omit<NamespaceReader, "selector" | "expression">;

const matching = (
  place: Place,
  match: { readonly [Key in keyof MatchResources]: MatchResources[Key] | undefined } | undefined,
): readonly NamespaceReader[] => [
  ...(match?.namespaceSelector === undefined ? [] : [{ ...place, selector: match.namespaceSelector }]),
  ...(match?.objectSelector !== undefined && (match.resourceRules ?? []).some(coversNamespaces)
    ? [{ ...place, selector: match.objectSelector }]
    : []),
];

const coversNamespaces = ({ apiGroups = [], resources = [] }: WebhookRule): boolean =>
  (apiGroups.includes("") || apiGroups.includes("*")) &&
  resources.some((resource) => resource === "namespaces" || resource === "*" || resource === "*/*");

/** CEL expressions are not evaluated; the ones that contain an injection label are listed. */
const expressions = (place: Place, value: unknown): readonly NamespaceReader[] => {
  const naming = textsOf(value).filter((text) => /istio-injection|istio\.io\/rev/.test(text));
  return naming.map((expression) => ({ ...place, selector: undefined, expression }));
};

const textsOf = (value: unknown): readonly string[] => {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
};
