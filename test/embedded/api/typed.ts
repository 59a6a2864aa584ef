/** How Go reads what clients send: an object of the kind that the path says, with strings where strings are due. */
import type { Json } from "../object.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import type { Refusal } from "./status.ts";
import { goTime, type TimeForm } from "./times.ts";

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

type FieldType = TimeForm | "string" | "int32";

/** Fields of the kinds whose types are checked, with the Go struct that has them. */
const fieldTypes: Readonly<Record<string, readonly (readonly [struct: string, path: string, type: FieldType])[]>> = {
  leases: [
    ["LeaseSpec", "spec.holderIdentity", "string"],
    ["LeaseSpec", "spec.leaseDurationSeconds", "int32"],
    ["LeaseSpec", "spec.leaseTransitions", "int32"],
    ["LeaseSpec", "spec.acquireTime", "micro"],
    ["LeaseSpec", "spec.renewTime", "micro"],
  ],
  events: [
    ...["reason", "message", "type", "action", "reportingComponent", "reportingInstance"].map(
      (field) => ["Event", field, "string"] as const,
    ),
    ["Event", "count", "int32"],
    ["Event", "eventTime", "micro"],
    ["Event", "firstTimestamp", "time"],
    ["Event", "lastTimestamp", "time"],
  ],
};

/** The field as Go has it after reading. `wrong` makes what is thrown. */
function fieldAs(struct: string, path: string, type: FieldType, value: Json, wrong: (why: string) => Refusal): Json {
  if (type === "micro" || type === "time") {
    if (typeof value !== "string")
      throw wrong(`json: cannot unmarshal ${jsonTypeOf(value)} into Go value of type string`);
    const read = goTime(type, value);
    if ("error" in read) throw wrong(read.error);
    return read.text;
  }
  const fits = type === "string" ? typeof value === "string" : Number.isInteger(value);
  if (fits) return value;
  const given = typeof value === "number" && type === "int32" ? `number ${value}` : jsonTypeOf(value);
  throw wrong(`json: cannot unmarshal ${given} into Go struct field ${struct}.${path} of type ${type}`);
}

const jsonTypeOf = (value: Json): string =>
  Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;

/** The same with the fields of `fieldTypes` read; `null` is no value. */
function withTypedFields({ plural }: Resource, body: Json, wrong: (why: string) => Refusal): Json {
  const typed = structuredClone(body);
  for (const [struct, path, type] of fieldTypes[plural] ?? []) {
    const parts = path.split(".");
    const field = parts.pop() ?? "";
    const parent = parts.reduce((inner, part) => inner?.[part], typed);
    if (!isMap(parent) || parent[field] === undefined) continue;
    if (parent[field] === null) delete parent[field];
    else parent[field] = fieldAs(struct, path, type, parent[field], wrong);
  }
  return typed;
}

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
  const wrong = (why: string): Refusal =>
    refuse(`${kind} in version "${apiVersion.split("/").pop()}" ${handled}: ${why}`);
  const typed = Object.hasOwn(fieldTypes, resource.plural) ? withTypedFields(resource, body, wrong) : body;
  const data = resource.plural === "configmaps" ? strings("ConfigMap.data of type string", body.data) : undefined;
  return {
    ...{ kind, apiVersion },
    ...typed,
    ...(body.metadata && {
      metadata: { ...knownMeta(body.metadata), ...(labels && { labels }), ...(annotations && { annotations }) },
    }),
    ...(data && { data }),
  };
}
