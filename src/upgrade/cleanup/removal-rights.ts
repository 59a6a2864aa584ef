/** What a removal, its proof afterwards and its way back need to be allowed to do. */
import type { Right } from "../../mesh/kubernetes.ts";
import { stateName } from "../record/run-journal.ts";
import { removalName } from "./removal-record.ts";
import type { Inventory } from "./revision-inventory.ts";

/**
 * The rights for these objects: deleting each kind and creating it again, deactivating webhooks, the record and the
 * lock, and the dry runs afterwards. What was read for the inventory is not among them. Creating a role needs, beside
 * `create`, that one has its rights, or `escalate` and `bind`
 * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping).
 */
export const removalRights = ({ owned, istioNamespace: namespace }: Inventory): readonly Right[] => {
  const resources = [
    ...Map.groupBy(owned, ({ ref }) => JSON.stringify([ref.group, ref.plural, ref.namespace])).values(),
  ];
  const leases = { group: "coordination.k8s.io", resource: "leases" };
  const configMaps = { group: "", resource: "configmaps", namespace };
  return [
    ...verbs(["create"], { ...leases, namespace }),
    ...verbs(["get", "patch"], { ...leases, namespace, name: stateName }),
    ...verbs(["list"], { ...leases, name: stateName }),
    ...verbs(["create"], configMaps),
    ...verbs(["get", "patch"], { ...configMaps, name: removalName }),
    ...resources.flatMap((objects) => {
      const ref = objects[0]?.ref;
      if (!ref) return [];
      const right = {
        group: ref.group,
        resource: ref.plural,
        ...(ref.namespace !== undefined && { namespace: ref.namespace }),
      };
      const isRole = ref.kind === "ClusterRole" || ref.kind === "Role";
      const isBinding = ref.kind === "ClusterRoleBinding" || ref.kind === "RoleBinding";
      return [
        ...verbs(["delete", ...(ref.kind === "Lease" ? [] : ["create"])], right),
        ...verbs(ref.kind === "MutatingWebhookConfiguration" ? ["patch"] : isRole ? ["escalate"] : [], right),
        ...verbs(isBinding ? ["bind"] : [], { ...right, resource: ref.plural.replace("rolebindings", "roles") }),
      ];
    }),
    ...verbs(["create"], { group: "", resource: "pods" }),
  ];
};

const verbs = (names: readonly string[], right: Omit<Right, "verb">): readonly Right[] =>
  names.map((verb) => ({ verb, ...right }));
