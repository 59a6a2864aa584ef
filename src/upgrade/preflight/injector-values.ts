/** The Helm values by which an istiod injects: key `values` of ConfigMap `istio-sidecar-injector[-REVISION]`. */
import type { Labels } from "../../mesh/kubernetes.ts";

export interface InjectorValues {
  /** The CNI plugin redirects the traffic of the pods; else container `istio-init` does. */
  readonly cni: boolean;
  /** `global.proxy.resources`: of the proxy and of the init container beside it. */
  readonly resources: { readonly requests: Labels; readonly limits: Labels };
  /** Templates of the user's own may add containers, or give them other resources. */
  readonly ownTemplates: boolean;
}

/**
 * The values, after their JSON was parsed. Throws an `Error` for what is no mapping. `pilot.cni.enabled` was
 * `istio_cni.enabled` in older releases: both are read. Source: manifests/charts/istio-control/istio-discovery,
 * templates/istiod-injector-configmap.yaml and files/injection-template.yaml of 1.19, 1.20, 1.28 and 1.29.
 */
export const injectorValuesFrom = (values: unknown): InjectorValues => {
  if (!isRecord(values)) throw new Error("the injector's values are not a mapping");
  const resources = at(values, "global", "proxy", "resources");
  const { templates, defaultTemplates } = recordOf(values.sidecarInjectorWebhook);
  return {
    cni: (at(values, "pilot", "cni", "enabled") ?? at(values, "istio_cni", "enabled")) === true,
    resources: { requests: quantitiesOf(at(resources, "requests")), limits: quantitiesOf(at(resources, "limits")) },
    ownTemplates: Object.keys(recordOf(templates)).length > 0 || hasOthers(defaultTemplates),
  };
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const recordOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((found, key) => (isRecord(found) && Object.hasOwn(found, key) ? found[key] : undefined), value);

/** A value that is set to null is left out, as the injection template does it (`omitNil`). */
const quantitiesOf = (value: unknown): Labels =>
  Object.fromEntries(
    Object.entries(recordOf(value)).flatMap(([name, quantity]) =>
      typeof quantity === "string" || typeof quantity === "number" ? [[name, String(quantity)]] : [],
    ),
  );

const hasOthers = (names: unknown): boolean => Array.isArray(names) && names.some((name) => name !== "sidecar");
