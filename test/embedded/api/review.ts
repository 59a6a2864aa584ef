/** SelfSubjectAccessReview: may I? */
import type { Json } from "../object.ts";
import type { Authorize, User } from "./access.ts";

export function reviewed(authorize: Authorize, user: User, body: Json): Json {
  const { verb = "", group = "", resource = "", subresource = "", namespace, name = "" } = body.spec?.resourceAttributes ?? {};
  const reason = body.spec?.nonResourceAttributes
    ? "RBAC: allowed by ClusterRoleBinding"
    : authorize(user, { verb, group, resource, subresource, namespace: namespace || undefined, name });
  const status = reason === undefined ? { allowed: false } : { allowed: true, ...(reason && { reason }) };
  return { ...body, kind: "SelfSubjectAccessReview", apiVersion: "authorization.k8s.io/v1", metadata: body.metadata ?? {}, status };
}
