/**
 * The version of a proxy, and the version that a new one would have. Injection happens when a pod is created: after an
 * upgrade in place (a patch release, under the same revision) old pods keep the proxy that they have.
 */

import { isBefore } from "../instant.ts";
import { compareVersions, imageTag, parseVersion } from "../istio-version.ts";
import type { PodTemplateSpec } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";
import type { Pod, ProxyConnection } from "../model.ts";
import { type ControlPlanesOf, isElsewhere } from "../revision-state.ts";

const pin = "sidecar.istio.io/proxyImage";

/**
 * The proxy's image that an istiod injects, by the two keys of its ConfigMap `istio-sidecar-injector[-REVISION]`:
 * `values`, after it was parsed, and the text of `config`. Undefined where the values do not say it, or where a template
 * of the user's own may say something else. Source: `ProxyImage` (istio/istio pkg/kube/inject/inject.go: hub, image and
 * tag of the values) and files/injection-template.yaml of 1.19, 1.20, 1.28 and 1.29 (`global.proxy.image` with a slash
 * is the whole image).
 */
export const injectedImageFrom = (values: unknown, config: string): string | undefined => {
  const [image, tag] = [at(values, "global", "proxy", "image"), at(values, "global", "tag")];
  const own = at(values, "sidecarInjectorWebhook", "templates");
  if (!config.includes(".ProxyImage") || Object.values(isRecord(own) ? own : {}).some(setsImage)) return undefined;
  if (typeof image === "string" && image.includes("/")) return image;
  if ((typeof tag !== "string" && typeof tag !== "number") || tag === "") return undefined;
  const hub = at(values, "global", "hub");
  return `${typeof hub === "string" ? hub : ""}/${typeof image === "string" && image !== "" ? image : "proxyv2"}:${tag}`;
};

/** A template that names the proxy's container, and an image. */
const setsImage = (template: unknown): boolean =>
  typeof template !== "string" || (template.includes("istio-proxy") && /\bimage:/.test(template));

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((found, key) => (isRecord(found) && Object.hasOwn(found, key) ? found[key] : undefined), value);

/**
 * The version that a revision injects today, as the tag of its injector's image has it (`1.22.6`, `1.22.6-solo`).
 * Undefined where that cannot be told: the ConfigMap could not be read, names a digest, or a tag that is no version; or
 * the istiod runs elsewhere, and what it injects by is not here.
 */
export const injectedVersion = (mesh: ControlPlanesOf, revision: string): string | undefined => {
  if (isElsewhere(mesh, revision)) return undefined;
  const injector = mesh.injectors.find((each) => each.revision === revision);
  return typeof injector?.policy === "object" ? parseVersion(imageTag(injector.policy.image)) : undefined;
};

/**
 * The same of a new pod with this template: its annotation `sidecar.istio.io/proxyImage` (a whole image), or an image in
 * a container istio-proxy of its own, wins over the injector's. Undefined also for a template that holds a sidecar
 * already, or asks for an injection template that is not Istio's.
 */
export const dueVersion = (template: PodTemplateSpec | undefined, injected: string | undefined): string | undefined => {
  if (template === undefined) return undefined;
  const annotations = template.metadata?.annotations;
  if (labelOf(annotations, "sidecar.istio.io/status") !== undefined) return undefined;
  const templates = labelOf(annotations, "inject.istio.io/templates")?.split(",") ?? [];
  if (templates.some((name) => !istioTemplates.includes(name.trim()))) return undefined;
  const own = template.spec.containers.find(({ name }) => name === "istio-proxy")?.image;
  if (own !== undefined && own !== "" && own !== "auto") return parseVersion(imageTag(own));
  const pinned = pinnedImage(annotations);
  return pinned === undefined ? injected : parseVersion(imageTag(pinned));
};

const istioTemplates = ["sidecar", "gateway", "grpc-agent"];

/** The image that these annotations, of a pod or a template, pin the proxy to; without a slash it has no effect. */
export const pinnedImage = (annotations: Readonly<Record<string, string>> | undefined): string | undefined => {
  const image = labelOf(annotations, pin);
  return image?.includes("/") ? image : undefined;
};

/**
 * Whether a proxy is older than the version that a new one would have; undefined where that cannot be told. `running`:
 * what is known of its version, the best first: the tag of its image, then what it reports to its istiod.
 */
export const isOutdated = (running: readonly (string | undefined)[], due: string | undefined): boolean | undefined => {
  const order = compareVersions(versionAmong(running), due);
  return order === undefined ? undefined : order < 0;
};

/**
 * The version that a new proxy in place of this one would have: by the template of its workload, where it has one, else
 * by its own annotations.
 */
export const dueVersionOf = (
  { proxy }: Pod,
  workload: { readonly template: PodTemplateSpec | undefined } | undefined,
  injected: string | undefined,
): string | undefined => {
  if (workload !== undefined) return dueVersion(workload.template, injected);
  return proxy?.pinnedImage === undefined ? injected : parseVersion(imageTag(proxy.pinnedImage));
};

/** The first that is a version: a tag like `latest` says less than what the proxy reports. */
export const versionAmong = (running: readonly (string | undefined)[]): string | undefined =>
  running.find((each) => parseVersion(each) !== undefined);

/** What is known of the version of a pod's proxy, the best first: see `isOutdated`. */
export const knownVersions = (
  pod: Pod,
  connections: readonly Pick<ProxyConnection, "version" | "connectedAt">[],
): readonly string[] => {
  // A StatefulSet uses a name again, and the connection may be that of the pod before.
  const own = connections.filter(
    ({ connectedAt }) => connectedAt !== undefined && !isBefore(connectedAt, pod.createdAt),
  );
  return [pod.proxy?.version, ...own.map(({ version }) => version)].filter((each) => each !== undefined);
};
