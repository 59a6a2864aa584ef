/** The Services by which istiods are reached: in this cluster, or elsewhere. */
import type { ServiceObject, WebhookConfigurationObject } from "../kubernetes.ts";
import type { IstiodService, ServiceLead } from "../model.ts";

/**
 * How a Service leads to what answers it, by its type and its selector. An empty selector selects nothing, as none does.
 * https://kubernetes.io/docs/concepts/services-networking/service/#services-without-selectors
 */
export const leadOf = ({ spec }: ServiceObject): IstiodService["lead"] => {
  if (spec?.type === "ExternalName") return "name";
  return Object.keys(spec?.selector ?? {}).length === 0 ? "addresses" : "pods";
};

/** `NAMESPACE/SERVICE` of each Service, with how it leads on. */
export const leadsOf = (services: readonly ServiceObject[]): ReadonlyMap<string, IstiodService["lead"]> =>
  new Map(services.map((service) => [nameOf(service), leadOf(service)]));

/** How the Service of a webhook's entry leads on; of a namespace whose Services could not be read it is `unread`. */
export const leadTo = (
  service: { readonly namespace: string; readonly name: string },
  leads: ReadonlyMap<string, IstiodService["lead"]>,
  unread: readonly string[],
): ServiceLead =>
  leads.get(`${service.namespace}/${service.name}`) ?? (unread.includes(service.namespace) ? "unread" : "absent");

/**
 * The Services whose revision is known: by the istiods that they select; and of those that lead out of the cluster by
 * their label, by the label of the webhook that calls them, or by the chart's name for them (`istiod-1-20`, and
 * `istiod-1-20-remote` where istiod injects here and serves proxies elsewhere). Source:
 * istio-discovery/templates/remote-istiod-service.yaml.
 */
export const istiodServicesFrom = (
  services: readonly ServiceObject[],
  configurations: readonly WebhookConfigurationObject[],
  behind: ReadonlyMap<string, string>,
  revisionOf: (configuration: WebhookConfigurationObject) => string,
  istioNamespace: string,
): readonly IstiodService[] => {
  const callers = new Map(
    configurations.flatMap((configuration) =>
      (configuration.webhooks ?? []).flatMap(({ clientConfig: { service } }) =>
        service === undefined ? [] : [[`${service.namespace}/${service.name}`, revisionOf(configuration)] as const],
      ),
    ),
  );
  return services.flatMap((service) => {
    const { name, namespace = "" } = service.metadata;
    const key = nameOf(service);
    const lead = leadOf(service);
    const outside = lead === "pods" ? undefined : (callers.get(key) ?? ofName(name, namespace, istioNamespace));
    const revision = behind.get(key) ?? outside;
    return revision === undefined ? [] : [{ namespace, name, revision, lead }];
  });
};

const ofName = (name: string, namespace: string, istioNamespace: string): string | undefined => {
  const found = namespace === istioNamespace ? /^istiod(?:-(.+?))??(?:-remote)?$/.exec(name) : null;
  return found === null ? undefined : (found[1] ?? "default");
};

const nameOf = ({ metadata }: ServiceObject): `${string}/${string}` => `${metadata.namespace ?? ""}/${metadata.name}`;
