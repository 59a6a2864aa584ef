/**
 * What the API server answers when it does not do what was asked: metav1.Status, word for word (k8s.io/apimachinery
 * pkg/api/errors/errors.go).
 */
import type { Json } from "../object.ts";
import { qualified, type Resource } from "./resources.ts";

/** Thrown anywhere below the server, which answers with it. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: number;
  readonly reason: string;
  readonly details: Json;
  /** Seconds, for a header of that name. */
  readonly retryAfter: number | undefined;
  /** With which a list may go on. */
  readonly token: string | undefined;

  constructor(code: number, reason: string, message: string, details?: Json, retryAfter?: number, token?: string) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.retryAfter = retryAfter;
    this.token = token;
  }
}

/** The body of the answer. */
export const statusOf = ({ code, reason, message, details, token }: Refusal): Json => ({
  kind: "Status",
  apiVersion: "v1",
  metadata: token === undefined ? {} : { continue: token },
  status: "Failure",
  message,
  ...(reason !== "" && { reason }),
  ...(details && { details }),
  code,
});

const about = ({ group, plural }: Resource, name: string): Json => ({
  ...(name && { name }),
  ...(group && { group }),
  kind: plural,
});

export const notFound = (resource: Resource, name: string): Refusal =>
  new Refusal(404, "NotFound", `${qualified(resource)} "${name}" not found`, about(resource, name));

/** A path that leads nowhere. */
export const noSuchPath = (): Refusal =>
  new Refusal(404, "NotFound", "the server could not find the requested resource", {});

export const alreadyExists = (resource: Resource, name: string, going: boolean): Refusal => {
  const prefix = going ? "object is being deleted: " : "";
  return new Refusal(
    409,
    "AlreadyExists",
    `${prefix}${qualified(resource)} "${name}" already exists`,
    about(resource, name),
  );
};

export const conflict = (
  resource: Resource,
  name: string,
  why = "the object has been modified; please apply your changes to the latest version and try again",
): Refusal =>
  new Refusal(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`,
    about(resource, name),
  );

/** A deletion's precondition names the kind where all else names the resource. */
export const preconditionFailed = (
  { group, kind }: Resource,
  name: string,
  what: string,
  wanted: string,
  found: string,
): Refusal => {
  const more =
    what === "UID" ? "The object might have been deleted and then recreated" : "The object might have been modified";
  const qualifiedKind = group === "" ? kind : `${kind}.${group}`;
  const why = `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). ${more}`;
  return new Refusal(409, "Conflict", `Operation cannot be fulfilled on ${qualifiedKind} "${name}": ${why}`, {
    ...{ name, ...(group && { group }), kind },
  });
};

export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

export const invalid = (
  { group, kind }: Pick<Resource, "group" | "kind">,
  name: string,
  causes: readonly Cause[],
): Refusal => {
  const texts = causes.map(({ field, message }) => `${field}: ${message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  return new Refusal(422, "Invalid", `${group === "" ? kind : `${kind}.${group}`} "${name}" is invalid: ${list}`, {
    ...(name && { name }),
    ...(group && { group }),
    kind,
    causes,
  });
};

export const invalidValue = (field: string, value: unknown, why: string): Cause => ({
  reason: "FieldValueInvalid",
  message: `Invalid value: ${typeof value === "string" ? JSON.stringify(value) : JSON.stringify(value)}: ${why}`,
  field,
});

export const unsupportedValue = (field: string, value: unknown, supported: readonly string[]): Cause => ({
  reason: "FieldValueNotSupported",
  message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported.map((each) => JSON.stringify(each)).join(", ")}`,
  field,
});

export const forbiddenValue = (field: string, why: string): Cause => ({
  reason: "FieldValueForbidden",
  message: `Forbidden: ${why}`,
  field,
});

export const requiredValue = (field: string, why = ""): Cause => ({
  reason: "FieldValueRequired",
  message: `Required value${why && `: ${why}`}`,
  field,
});

export const forbidden = (resource: Resource, name: string, why: string, causes?: readonly Json[]): Refusal =>
  new Refusal(403, "Forbidden", `${qualified(resource)}${name && ` "${name}"`} is forbidden: ${why}`, {
    ...about(resource, name),
    ...(causes && { causes }),
  });

export const badRequest = (message: string): Refusal => new Refusal(400, "BadRequest", message);

export const unauthorized = (): Refusal => new Refusal(401, "Unauthorized", "Unauthorized");

export const methodNotAllowed = (): Refusal =>
  new Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {});

/** Of a patch's body. */
export const unsupportedPatchType = (): Refusal =>
  new Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", {});

export const unsupportedMediaType = (types: readonly string[]): Refusal =>
  new Refusal(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${types.join(", ")}`,
  );

/** `inconsistent`: a token with which the list can go on, at the price of another picture. */
export const expiredToken = (inconsistent: string): Refusal =>
  new Refusal(
    410,
    "Expired",
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    undefined,
    undefined,
    inconsistent,
  );

export const expiredList = (): Refusal =>
  new Refusal(410, "Expired", "The resourceVersion for the provided list is too old.");

export const tooOld = (asked: number, oldest: number): Refusal =>
  new Refusal(410, "Expired", `too old resource version: ${asked} (${oldest})`);

export const internalError = (message: string): Refusal =>
  new Refusal(500, "InternalError", `Internal error occurred: ${message}`, { causes: [{ message }] });
