/** SelfSubjectAccessReview and SelfSubjectRulesReview: may I, and what may I? */
import type { Json } from "../object.ts";
import { type Authorizer, authorizePath, type User } from "./access.ts";
import { badRequest, noSuchPath, Refusal } from "./status.ts";

const group = "/apis/authorization.k8s.io/v1/";

/** The answer to a review that is posted to a path. Throws `Refusal`. */
export function reviewed(authorizer: Authorizer, user: User, path: string, body: Json): Json {
  if (path === `${group}selfsubjectaccessreviews`) return reviewedAccess(authorizer, user, body);
  if (path === `${group}selfsubjectrulesreviews`) return reviewedRules(authorizer, user, body);
  throw noSuchPath();
}

function reviewedAccess({ authorize }: Authorizer, user: User, body: Json): Json {
  const { resourceAttributes, nonResourceAttributes } = body?.spec ?? {};
  if (!resourceAttributes === !nonResourceAttributes)
    throw new Refusal(
      422,
      "Invalid",
      '.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
      { group: "authorization.k8s.io" },
    );
  const { verb = "", group = "", resource = "", subresource = "", namespace, name = "" } = resourceAttributes ?? {};
  const reason = resourceAttributes
    ? authorize(user, { verb, group, resource, subresource, namespace: namespace || undefined, name })
    : authorizePath(user, nonResourceAttributes.path ?? "");
  const status = reason === undefined ? { allowed: false } : { allowed: true, ...(reason && { reason }) };
  return {
    ...body,
    kind: "SelfSubjectAccessReview",
    apiVersion: "authorization.k8s.io/v1",
    metadata: body.metadata ?? {},
    status,
  };
}

function reviewedRules({ rulesOf }: Authorizer, user: User, body: Json): Json {
  const namespace = body?.spec?.namespace;
  if (!namespace) throw badRequest("no namespace on request");
  const status = { resourceRules: rulesOf(user, namespace), nonResourceRules: [], incomplete: false };
  return { kind: "SelfSubjectRulesReview", apiVersion: "authorization.k8s.io/v1", metadata: {}, spec: {}, status };
}
