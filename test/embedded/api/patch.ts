/** The patch types. Strategic merge as far as objects of the table have merge keys. */
import jsonPatch from "fast-json-patch";
import mergePatch from "json-merge-patch";
import type { Json } from "../object.ts";
import type { Resource } from "./resources.ts";
import { type Cause, invalid, invalidValue, Refusal, unsupportedMediaType } from "./status.ts";

export const patchTypes = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
];

/** The object with the patch applied; neither is changed. Throws `Refusal`. */
export function patched(resource: Resource, object: Json, type: string, patch: Json): Json {
  switch (type) {
    case "application/merge-patch+json":
      return mergePatch.apply(structuredClone(object), patch);
    case "application/strategic-merge-patch+json":
      return strategicMerge(object, patch, []);
    case "application/json-patch+json":
      return jsonPatched(resource, object, patch);
    default:
      throw unsupportedMediaType(patchTypes);
  }
}

/** An operation that cannot be done, a `test` among them, is 422 (apiserver/pkg/endpoints/handlers/patch.go). */
function jsonPatched(resource: Resource, object: Json, patch: Json): Json {
  if (!Array.isArray(patch)) throw new Refusal(400, "BadRequest", "json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  try {
    return jsonPatch.applyPatch(structuredClone(object), patch, true, false).newDocument;
  } catch (error) {
    const cause: Cause = invalidValue(
      "patch",
      JSON.stringify(patch),
      `the server rejected our request due to an error in our request: ${(error as Error).message.split("\n", 1)[0]}`,
    );
    throw invalid(resource, object.metadata.name, [cause]);
  }
}

/** By which key the items of a list are told apart; lists that are not here are replaced (`patchMergeKey` in k8s.io/api). */
export const mergeKeys: ReadonlyMap<string, string> = new Map([
  ["containers", "name"],
  ["initContainers", "name"],
  ["ephemeralContainers", "name"],
  ["env", "name"],
  ["volumes", "name"],
  ["volumeMounts", "mountPath"],
  ["ports", "containerPort"],
  ["conditions", "type"],
  ["ownerReferences", "uid"],
  ["imagePullSecrets", "name"],
  ["webhooks", "name"],
  ["taints", "key"],
  ["hostAliases", "ip"],
]);

const isMap = (value: Json): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

/** https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md */
function strategicMerge(object: Json, patch: Json, path: readonly string[]): Json {
  if (!isMap(patch)) return patch;
  if (patch.$patch === "replace") return withoutDirectives(patch);
  const merged: Json = isMap(object) ? { ...object } : {};
  for (const [key, value] of Object.entries<Json>(patch)) {
    if (key.startsWith("$")) continue;
    if (value === null || value?.$patch === "delete") delete merged[key];
    else if (Array.isArray(value))
      merged[key] = mergedList(
        merged[key],
        value,
        key === "ports" && path.at(-1) === "spec" ? "port" : mergeKeys.get(key),
        [...path, key],
        patch,
      );
    else merged[key] = strategicMerge(merged[key], value, [...path, key]);
  }
  return merged;
}

function mergedList(items: Json[] | undefined, patch: Json[], mergeKey: string | undefined, path: readonly string[], parent: Json): Json[] {
  const name = path.at(-1);
  if (name === "finalizers") {
    const gone = parent.$deleteFromPrimitiveList?.finalizers ?? parent["$deleteFromPrimitiveList/finalizers"] ?? [];
    return [...new Set([...(items ?? []), ...patch])].filter((each) => !gone.includes(each));
  }
  if (mergeKey === undefined || !patch.every(isMap)) return patch.map(withoutDirectives);
  if (patch.some((item) => item.$patch === "replace")) return patch.filter((item) => item.$patch !== "replace").map(withoutDirectives);
  let result = [...(items ?? [])];
  for (const item of patch) {
    const index = result.findIndex((each) => each[mergeKey] === item[mergeKey]);
    if (item.$patch === "delete") result = result.filter((_, at) => at !== index);
    else if (index < 0) result.push(withoutDirectives(item));
    else result[index] = strategicMerge(result[index], item, path);
  }
  return result;
}

const withoutDirectives = (value: Json): Json => {
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("$")));
};
