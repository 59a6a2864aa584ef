/** Objects that the contract of the API is shown with, and where they are. */
import type { Json } from "./mesh-under-test.ts";

export const configMap = (
  name: string,
  metadata: object = {},
  data: Readonly<Record<string, string>> = { a: "1" },
) => ({
  ...{ apiVersion: "v1", kind: "ConfigMap", data },
  metadata: { name, ...metadata },
});

export const corePath = (namespace: string, rest = ""): string => `/api/v1/namespaces/${namespace}${rest}`;
export const configMapsIn = (namespace: string): string => corePath(namespace, "/configmaps");
export const deploymentsIn = (namespace: string): string => `/apis/apps/v1/namespaces/${namespace}/deployments`;

/** `?limit=1&labelSelector=app%3Dx` */
export const query = (parameters: Readonly<Record<string, string | number>>): string =>
  `?${new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)]))}`;

export const namesOf = ({ items }: Json): readonly string[] => items.map(({ metadata }: Json) => metadata.name);
