/** Asks the API server for a right of the user. */
import type { Right } from "../../mesh/kubernetes.ts";
import { printable } from "../printable.ts";
import type { Api } from "./api.ts";
import { checkKind, expectedOf } from "./api-answer.ts";
import { malformed } from "./api-failure.ts";
import { type ApiRequest, resourcePath } from "./api-request.ts";

const kind = {
  group: "authorization.k8s.io",
  version: "v1",
  plural: "selfsubjectaccessreviews",
  kind: "SelfSubjectAccessReview",
  namespaced: false,
};
// It stores nothing, so it may be asked again.
const request: ApiRequest = { verb: "create", kind, writes: false };

/**
 * Asks the server whether the user may
 * (https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/).
 */
export async function reviewAccess(
  api: Api,
  access: Right,
): Promise<{ readonly allowed: boolean; readonly reason: string }> {
  const body = { ...expectedOf(kind), spec: { resourceAttributes: access } };
  const review = await api.json({ method: "POST", path: resourcePath(kind, {}), request, body });
  checkKind(review, expectedOf(kind), request, api.where);
  const { status } = review as { status?: { allowed?: unknown; reason?: unknown; evaluationError?: unknown } };
  if (typeof status?.allowed !== "boolean") throw malformed(request, "a review that does not say yes or no", api.where);
  const reason = [status.reason, status.evaluationError]
    .filter((text) => typeof text === "string" && text !== "")
    .join("; ");
  return { allowed: status.allowed, reason: printable(reason) };
}
