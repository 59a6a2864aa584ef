/** The patch types. Strategic merge as far as objects of the table have merge keys. */
import jsonPatch from "fast-json-patch";
import mergePatch from "json-merge-patch";
import type { Json } from "../object.ts";
import { badRequest, Refusal, unsupportedPatchType } from "./status.ts";

/** The object with the patch applied; neither is changed. Throws `Refusal`. */
export function patched(object: Json, type: string, patch: Json): Json {
  switch (type) {
    case "application/merge-patch+json":
      return mergePatch.apply(structuredClone(object), mapOf(patch, "error decoding patch: "));
    case "application/strategic-merge-patch+json":
      return strategicMerge(object, mapOf(patch), []);
    case "application/json-patch+json":
      return jsonPatched(object, patch);
    default:
      throw unsupportedPatchType();
  }
}

function mapOf(patch: Json, before = ""): Json {
  if (isMap(patch)) return patch;
  throw badRequest(
    `${before}json: cannot unmarshal ${Array.isArray(patch) ? "array" : typeof patch} into Go value of type map[string]interface {}`,
  );
}

/**
 * An operation that cannot be done, a `test` among them, is 422 (apiserver/pkg/endpoints/handlers/patch.go); to replace
 * a field that is not there is to add it (github.com/evanphx/json-patch v4).
 */
function jsonPatched(object: Json, patch: Json): Json {
  if (!Array.isArray(patch))
    throw badRequest(
      "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
    );
  try {
    const asked = patch.map((each: Json) =>
      each?.op === "replace" && !/\/\d+$/.test(each.path) ? { ...each, op: "add" } : each,
    );
    return jsonPatch.applyPatch(structuredClone(object), asked, true, false).newDocument;
  } catch {
    throw new Refusal(422, "Invalid", "the server rejected our request due to an error in our request", {});
  }
}

/**
 * By which key the items of a list are told apart; lists that are not here are replaced (`patchMergeKey` in
 * k8s.io/api).
 */
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

function mergedList(
  items: Json[] | undefined,
  patch: Json[],
  mergeKey: string | undefined,
  path: readonly string[],
  parent: Json,
): Json[] {
  const name = path.at(-1);
  if (name === "finalizers") {
    const gone = parent.$deleteFromPrimitiveList?.finalizers ?? parent["$deleteFromPrimitiveList/finalizers"] ?? [];
    return [...new Set([...(items ?? []), ...patch])].filter((each) => !gone.includes(each));
  }
  if (mergeKey === undefined || !patch.every(isMap)) return patch.map(withoutDirectives);
  if (patch.some((item) => item.$patch === "replace"))
    return patch.filter((item) => item.$patch !== "replace").map(withoutDirectives);
  const before = items ?? [];
  const rankOf = (item: Json): number => before.findIndex((each) => each[mergeKey] === item[mergeKey]);
  const untouched = before.filter((each) => !patch.some((item) => item[mergeKey] === each[mergeKey]));
  const result: Json[] = [];
  // In the order of the patch; what it leaves alone keeps its place before what it changes, and what is new comes
  // first.
  for (const item of patch) {
    if (item.$patch === "delete") continue;
    const rank = rankOf(item);
    while (untouched[0] !== undefined && rankOf(untouched[0]) < rank) result.push(untouched.shift());
    result.push(rank < 0 ? withoutDirectives(item) : strategicMerge(before[rank], item, path));
  }
  return [...result, ...untouched];
}

const withoutDirectives = (value: Json): Json => {
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("$")));
};
