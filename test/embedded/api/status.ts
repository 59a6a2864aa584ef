/** What the API server answers when it does not do what was asked: metav1.Status, word for word (k8s.io/apimachinery pkg/api/errors/errors.go). */
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

  constructor(code: number, reason: string, message: string, details?: Json, retryAfter?: number) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.retryAfter = retryAfter;
  }
}

/** The body of the answer. */
export const statusOf = ({ code, reason, message, details }: Refusal): Json => ({
  kind: "Status",
  apiVersion: "v1",
  metadata: {},
  status: "Failure",
  message,
  ...(reason !== "" && { reason }),
  ...(details && { details }),
  code,
});

const about = ({ group, plural }: Resource, name: string): Json => ({ ...(name && { name }), ...(group && { group }), kind: plural });

export const notFound = (resource: Resource, name: string): Refusal =>
  new Refusal(404, "NotFound", `${qualified(resource)} "${name}" not found`, about(resource, name));

/** A path that leads nowhere. */
export const noSuchPath = (): Refusal => new Refusal(404, "NotFound", "the server could not find the requested resource", {});

export const alreadyExists = (resource: Resource, name: string): Refusal =>
  new Refusal(409, "AlreadyExists", `${qualified(resource)} "${name}" already exists`, about(resource, name));

export const conflict = (
  resource: Resource,
  name: string,
  why = "the object has been modified; please apply your changes to the latest version and try again",
): Refusal =>
  new Refusal(409, "Conflict", `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`, about(resource, name));

export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

export const invalid = ({ group, kind }: Resource, name: string, causes: readonly Cause[]): Refusal => {
  const texts = causes.map(({ field, message }) => `${field}: ${message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  return new Refusal(422, "Invalid", `${group === "" ? kind : `${kind}.${group}`} "${name}" is invalid: ${list}`, {
    name,
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

export const unsupportedMediaType = (types: readonly string[]): Refusal =>
  new Refusal(
    415,
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: ${types.join(", ")}`,
  );

/** `inconsistent`: a token with which the list can go on, at the price of another picture; the API server offers one. */
export const expiredToken = (): Refusal =>
  new Refusal(
    410,
    "Expired",
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
  );

export const tooOld = (asked: number, oldest: number): Refusal =>
  new Refusal(410, "Expired", `too old resource version: ${asked} (${oldest})`);

export const internalError = (message: string): Refusal =>
  new Refusal(500, "InternalError", `Internal error occurred: ${message}`, { causes: [{ message }] });
