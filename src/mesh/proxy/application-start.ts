/** Whether an application starts only once its proxy runs, by what the injector goes by. */
import type { Labels } from "../kubernetes.ts";
import { labelOf } from "../labels.ts";

/**
 * `global.proxy.holdApplicationUntilProxyStarts` of an injector's values, after they were parsed. Undefined where they
 * are no mapping, and where something else decides: a `global.proxy.lifecycle` takes the place of the hook that waits
 * (istio/istio#47373), and a template of the user's own may do anything. Source: `$holdProxy` in
 * files/injection-template.yaml of 1.19, 1.20, 1.28 and 1.29.
 */
export const heldByValues = (values: unknown): boolean | undefined => {
  const webhook = at(values, "sidecarInjectorWebhook");
  const templates = at(webhook, "defaultTemplates");
  const others = Array.isArray(templates) && templates.some((name) => name !== "sidecar");
  if (!isRecord(values) || others || isFilled(at(webhook, "templates"))) return undefined;
  const proxy = at(values, "global", "proxy");
  return isFilled(at(proxy, "lifecycle")) ? undefined : at(proxy, "holdApplicationUntilProxyStarts") === true;
};

/**
 * The same of a template's annotation `proxy.istio.io/config`, which is YAML and laid over the mesh config; undefined
 * where it does not say it. A ProxyConfig resource has no such field. Source: `ApplyProxyConfig`
 * (istio/istio pkg/config/mesh/mesh.go); networking/v1beta1/proxy_config.proto of istio/api.
 */
export const heldByAnnotation = (annotations: Labels | undefined): boolean | undefined => {
  const config = labelOf(annotations, "proxy.istio.io/config") ?? "";
  const said = /\bhold(?:ApplicationUntilProxyStarts|_application_until_proxy_starts)["']?\s*:\s*(true|false)\b/.exec(
    config,
  );
  return said === null ? undefined : said[1] === "true";
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isFilled = (value: unknown): boolean => isRecord(value) && Object.keys(value).length > 0;
const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((found, key) => (isRecord(found) && Object.hasOwn(found, key) ? found[key] : undefined), value);
