/** How Go reads what clients send: an object of the kind that the path says, with strings where strings are due. */
import type { Json } from "../object.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import type { Refusal } from "./status.ts";

const isMap = (value: Json): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

/** What an object's metadata has room for; whatever else is sent is lost. */
const metaFields = new Set([
  ...[
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
  ],
  ...["deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers", "managedFields"],
]);
const knownMeta = (metadata: Json): Json =>
  Object.fromEntries(Object.entries(metadata).filter(([field]) => metaFields.has(field)));

/** The object, whole; `null` is the empty string where one is due. Throws what `refuse` makes of the reason. */
export function readAs(resource: Resource, body: Json, refuse: (why: string) => Refusal): Json {
  const handled = `cannot be handled as a ${resource.kind}`;
  if (!isMap(body)) throw refuse(`the object provided is unrecognized (must be of type ${resource.kind})`);
  const { kind = resource.kind, apiVersion = apiVersionOf(resource) } = body;
  if (kind !== resource.kind || apiVersion !== apiVersionOf(resource))
    throw refuse(`${kind} in version "${apiVersion}" ${handled}`);
  const strings = (path: string, map: Json): Json => {
    if (!isMap(map)) return undefined;
    return Object.fromEntries(
      Object.entries(map).map(([key, value]) => {
        if (value !== null && typeof value !== "string")
          throw refuse(
            `${kind} in version "${apiVersion}" ${handled}: json: cannot unmarshal ${typeof value} into Go struct field ${path}`,
          );
        return [key, value ?? ""];
      }),
    );
  };
  const labels = strings("ObjectMeta.metadata.labels of type string", body.metadata?.labels);
  const annotations = strings("ObjectMeta.metadata.annotations of type string", body.metadata?.annotations);
  const data = resource.plural === "configmaps" ? strings("ConfigMap.data of type string", body.data) : undefined;
  return {
    ...{ kind, apiVersion },
    ...body,
    ...(body.metadata && {
      metadata: { ...knownMeta(body.metadata), ...(labels && { labels }), ...(annotations && { annotations }) },
    }),
    ...(data && { data }),
  };
}
