/** Users with the rights of docs/rbac. */
import fs from "node:fs";
import { loadAll } from "js-yaml";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";

const rolesIn = (documents: readonly string[]): readonly Json[] =>
  documents.flatMap((name) => loadAll(fs.readFileSync(`docs/rbac/${name}.yaml`, "utf8")) as readonly Json[]);
const api = { apiVersion: "rbac.authorization.k8s.io/v1" };
const group = "rbac.authorization.k8s.io";

/** Gives a user all the rights of the documents but one (`create leases`); roles and bindings are the user's own. */
export async function grantRights(
  mesh: MeshUnderTest,
  user: string,
  without: string | undefined,
  documents: readonly string[] = ["viewer", "migrator"],
): Promise<void> {
  const roles = rolesIn(documents);
  const rulesOf = (kind: string): readonly Json[] =>
    roles
      .filter((role) => role.kind === kind)
      .flatMap(({ rules }) => rules)
      .flatMap((rule: Json) =>
        rule.resources.map((resource: string) => ({
          ...{ ...rule, resources: [resource] },
          verbs: rule.verbs.filter((verb: string) => `${verb} ${resource}` !== without),
        })),
      )
      .filter(({ verbs }: Json) => verbs.length > 0);
  const subjects = [{ kind: "User", apiGroup: group, name: user }];
  const roleRef = (kind: string) => ({ apiGroup: group, kind, name: user });
  const inside = { name: user, namespace: "istio-system" };
  await mesh.apply([
    { ...api, kind: "ClusterRole", metadata: { name: user }, rules: rulesOf("ClusterRole") },
    { ...api, kind: "ClusterRoleBinding", metadata: { name: user }, subjects, roleRef: roleRef("ClusterRole") },
    { ...api, kind: "Role", metadata: inside, rules: rulesOf("Role") },
    { ...api, kind: "RoleBinding", metadata: inside, subjects, roleRef: roleRef("Role") },
  ]);
}
