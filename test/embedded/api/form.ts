/**
 * In which form objects are answered: what of it a client takes, and how lists are written in it.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
 */
import type { Json, KubeJson } from "../object.ts";
import { binaryList, protobuf } from "./binary-list.ts";
import type { Page } from "./read.ts";
import { apiVersionOf, type Resource } from "./resources.ts";
import { Refusal } from "./status.ts";
import { type TableParts, tableOf } from "./tables.ts";

/** `metadata`: PartialObjectMetadata. `binary`: in protobuf. */
export type Form = "whole" | "metadata" | "table";
export type ListForm = Form | "binary whole" | "binary metadata";

const refused = (message: string): Refusal => new Refusal(406, "NotAcceptable", message, {});

/**
 * The forms that the client takes of those served, the first the one it likes best. Throws `Refusal` (406) where there
 * is none.
 */
function formsOf(accept: string | undefined, isList: boolean): readonly ListForm[] {
  const forms = (accept || "*/*").split(",").flatMap((each): readonly ListForm[] => {
    const [type = "", ...parameters] = each.trim().split(";");
    const [as, version] = ["as=", "v="].map((name) =>
      parameters.find((one) => one.startsWith(name))?.slice(name.length),
    );
    const binary = type === protobuf;
    if (!(binary ? isList : ["application/json", "application/*", "*/*"].includes(type)) || version === "v1beta1")
      return [];
    if (as === "Table") return binary ? [] : ["table"];
    if (as === undefined) return binary ? ["binary whole"] : ["whole"];
    if (as !== `PartialObjectMetadata${isList ? "List" : ""}`)
      throw refused(`you requested ${as}, but the requested object is ${isList ? "a list" : "not a list"}`);
    return binary ? ["binary metadata"] : ["metadata"];
  });
  if (forms.length === 0) throw refused("only the following media types are accepted: application/json");
  return forms;
}

/** Of an object, or of what a watch tells. Throws `Refusal` (406). */
export const formOf = (accept: string | undefined): Form => formsOf(accept, false)[0] as Form;

export const partial = ({ metadata }: KubeJson): Json => ({
  kind: "PartialObjectMetadata",
  apiVersion: "meta.k8s.io/v1",
  metadata,
});

/** A page of a list in the first form that it can be written in; what is no JSON has a type. Throws `Refusal` (406). */
export function writeList(
  accept: string | undefined,
  resource: Resource,
  { metadata, items }: Page,
  table: () => TableParts,
): { readonly text: string } | { readonly bytes: Buffer; readonly type: string } {
  const whole = { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) };
  const head = { kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1" };
  const text = (type: object, texts: readonly string[]) => ({
    text: `${JSON.stringify({ ...type, metadata }).slice(0, -1)},"items":[${texts.join()}]}`,
  });
  for (const form of formsOf(accept, true)) {
    if (form === "table") return { text: JSON.stringify(tableOf(table(), metadata, items)) };
    if (form === "metadata")
      return text(
        head,
        items.map((object) => JSON.stringify(partial(object))),
      );
    if (form === "whole")
      return text(
        whole,
        items.map((object) => itemText(resource, object)),
      );
    const bytes =
      form === "binary metadata" || resource.plural === "pods"
        ? binaryList(form === "binary whole" ? whole : head, metadata, items)
        : undefined;
    if (bytes) return { bytes, type: protobuf };
  }
  throw refused("only the following media types are accepted: application/json");
}

/** Objects of Kubernetes' own kinds say in a list neither kind nor version. */
const texts = new WeakMap<KubeJson, string>();
function itemText(resource: Resource, object: KubeJson): string {
  const known = texts.get(object);
  if (known !== undefined) return known;
  const { kind, apiVersion, ...bare } = object;
  const text = JSON.stringify(resource.custom ? object : bare);
  texts.set(object, text);
  return text;
}
