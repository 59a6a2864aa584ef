/** The label of a namespace that keeps the webhook of another mesh away from it. */
import { injectableFrom, injectionOf } from "../../mesh/injection.ts";
import type { LabelRequirement, Labels, PodTemplateSpec } from "../../mesh/kubernetes.ts";
import type { Mesh } from "../../mesh/model.ts";
import { revisionLabelKeys } from "../../mesh/revision-labels.ts";

/**
 * `KEY=VALUE` of a label that makes a requirement of the other webhooks' selectors false, so that `revision` alone would
 * inject the pods of this template; undefined where there is none. OpenShift Service Mesh 2 has such a requirement
 * (`maistra.io/ignore-namespace DoesNotExist`: maistra/istio-operator resources/helm/v2.6; the official migration sets
 * it, openshift/openshift-docs#86917). The labels of Istio's own and those that Kubernetes sets are never it.
 */
export const labelAgainstOthers = (
  { injectors }: Mesh,
  namespace: { readonly name: string; readonly labels: Labels },
  template: PodTemplateSpec | undefined,
  revision: string,
): string | undefined => {
  const others = injectors.filter((injector) => injector.revision !== revision && !injector.deactivated);
  const candidates = others
    .flatMap(({ entry }) => entry.namespaceSelector?.matchExpressions ?? [])
    .filter(({ key }) => !isReserved(key))
    .flatMap(falsifying);
  const works = ([key, value]: readonly [string, string]): boolean => {
    const labels = { ...namespace.labels, [key]: value };
    const injection = injectionOf(
      injectors,
      { name: namespace.name, labels },
      template === undefined ? {} : injectableFrom(template),
    );
    return injection.kind === "injected" && injection.revision === revision && injection.also.length === 0;
  };
  return candidates.find(works)?.join("=");
};

const isReserved = (key: string): boolean =>
  revisionLabelKeys.some((own) => own === key) || /^([^/]*\.)?(kubernetes|k8s)\.io\//.test(key);

const falsifying = ({ key, operator, values = [] }: LabelRequirement): readonly (readonly [string, string])[] => {
  if (operator === "DoesNotExist") return [[key, "true"]];
  return operator === "NotIn" ? values.map((value) => [key, value] as const) : [];
};
