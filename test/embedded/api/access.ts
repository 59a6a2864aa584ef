/** Who may do what: RBAC by the Roles and bindings that are stored. `system:masters` may do everything. */
import type { Json } from "../object.ts";
import type { Resources } from "./resources.ts";
import { Refusal } from "./status.ts";
import type { Store } from "./store.ts";

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface Access {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** The binding that allows it, in the words of the API server; `undefined` when none does. */
export type Authorize = (user: User, access: Access) => string | undefined;

export interface Authorizer {
  readonly authorize: Authorize;
  /** Every rule that holds for a user in a namespace. */
  rulesOf(user: User, namespace: string): readonly Json[];
}

export function createAuthorizer(store: Store, resources: Resources): Authorizer {
  const rolesOf = (binding: Json, namespace: string | undefined): readonly Json[] => {
    const { kind, name } = binding.roleRef;
    const role =
      kind === "ClusterRole"
        ? store.get(resources.named("clusterroles"), undefined, name)
        : store.get(resources.named("roles"), namespace, name);
    return role?.rules ?? [];
  };
  /** Every rule that a binding grants to the user, with the binding in the words of the API server. */
  const grants = function* (user: User, namespace: string | undefined): Generator<readonly [rule: Json, why: string]> {
    const bindings: readonly (readonly [kind: string, binding: Json])[] = [
      ...store.list(resources.named("clusterrolebindings")).map((binding) => ["ClusterRoleBinding", binding] as const),
      ...(namespace === undefined ? [] : store.list(resources.named("rolebindings"), namespace)).map(
        (binding) => ["RoleBinding", binding] as const,
      ),
    ];
    for (const [kind, binding] of bindings) {
      const subject = (binding.subjects ?? []).find((each: Json) => isSubject(each, user));
      if (!subject) continue;
      const where =
        kind === "RoleBinding" ? `${binding.metadata.name}/${binding.metadata.namespace}` : binding.metadata.name;
      const why = `RBAC: allowed by ${kind} "${where}" of ${binding.roleRef.kind} "${binding.roleRef.name}" to ${subject.kind} "${subject.name}"`;
      for (const rule of rolesOf(binding, namespace)) yield [rule, why];
    }
    if (user.groups.includes("system:authenticated")) yield [basicUser, byGroup("system:basic-user")];
  };
  return {
    authorize: (user, access) => {
      if (user.groups.includes("system:masters")) return "";
      for (const [rule, why] of grants(user, access.namespace)) if (allows(rule, access)) return why;
      return undefined;
    },
    rulesOf: (user, namespace) =>
      user.groups.includes("system:masters") ? [everything] : [...grants(user, namespace)].map(([rule]) => rule),
  };
}

/** The part of the default ClusterRoles that every user has. */
const basicUser = {
  ...{ verbs: ["create"], apiGroups: ["authorization.k8s.io"] },
  resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
};
const everything = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
const byGroup = (name: string): string =>
  `RBAC: allowed by ClusterRoleBinding "${name}" of ClusterRole "${name}" to Group "system:authenticated"`;

/** Why a user may get a path that is no resource's; `undefined` when he may not. */
export function authorizePath({ groups }: User, path: string): string | undefined {
  if (groups.includes("system:masters")) return "";
  return groups.includes("system:authenticated") &&
    /^\/(api|apis|openapi|version|healthz|livez|readyz)(\/|$)/.test(path)
    ? byGroup("system:discovery")
    : undefined;
}

/** Throws `Refusal` (403). */
export function assertPathAllowed(user: User, path: string): void {
  if (authorizePath(user, path) !== undefined) return;
  throw new Refusal(403, "Forbidden", `forbidden: User "${user.name}" cannot get path "${path}"`, {});
}

const isSubject = ({ kind, name, namespace }: Json, user: User): boolean =>
  kind === "User"
    ? name === user.name
    : kind === "Group"
      ? user.groups.includes(name)
      : user.name === `system:serviceaccount:${namespace}:${name}`;

/** pkg/apis/rbac/v1/evaluation_helpers.go */
function allows({ verbs = [], apiGroups = [], resources = [], resourceNames = [] }: Json, access: Access): boolean {
  const whole = access.subresource === "" ? access.resource : `${access.resource}/${access.subresource}`;
  const wanted = access.subresource === "" ? ["*", whole] : ["*", whole, `*/${access.subresource}`];
  return (
    ["*", access.verb].some((each) => verbs.includes(each)) &&
    ["*", access.group].some((each) => apiGroups.includes(each)) &&
    wanted.some((each) => resources.includes(each)) &&
    (resourceNames.length === 0 || resourceNames.includes(access.name))
  );
}

/** Throws `Refusal` (403). */
export function assertAllowed(authorize: Authorize, user: User, access: Access): void {
  if (authorize(user, access) !== undefined) return;
  const { verb, group, resource, subresource, namespace, name } = access;
  const qualified = group === "" ? resource : `${resource}.${group}`;
  const whole = subresource === "" ? resource : `${resource}/${subresource}`;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const why = `User "${user.name}" cannot ${verb} resource "${whole}" in API group "${group}" ${where}`;
  throw new Refusal(403, "Forbidden", `${qualified}${name && ` "${name}"`} is forbidden: ${why}`, {
    ...(name && { name }),
    ...(group && { group }),
    kind: resource,
  });
}
