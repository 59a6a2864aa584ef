/**
 * The roles of docs/rbac are enough, bound as their own comments say; and each right that is missing is named, before
 * anything is changed.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { before, describe, test } from "node:test";
import { loadAll } from "js-yaml";
import { pluginNames } from "../../../scripts/plugins.ts";
import { writesTo } from "../../contract/migrations.ts";
import { assertNoStack, findingsIn, stateOf } from "../../contract/refusal.ts";
import { assertArrived, documentOf, labelsOf, revisionOf } from "../../contract/verify-result.ts";
import { daemonSet, deployment, statefulSet } from "../../fixtures/workload-objects.ts";
import type { Json } from "../kit.ts";
import { leastArguments } from "../least-arguments.ts";
import { mesh } from "./one-mesh.ts";

const folder = path.join(import.meta.dirname, "..", "..", "..", "docs", "rbac");
const textOf = (name: string): string => fs.readFileSync(path.join(folder, `${name}.yaml`), "utf8");
const rolesOf = (name: string): readonly Json[] => loadAll(textOf(name)) as Json[];
/** The commands in a file's comments, for a group. */
const bindingsOf = (name: string, group: string): readonly string[][] =>
  [...textOf(name).matchAll(/^# +kubectl (create .*)$/gm)].map(([, command = ""]) =>
    command.replace("GROUP", group).split(" "),
  );

const member = (group: string): readonly string[] => [
  "--as",
  `one-of-${group}`,
  "--as-group",
  group,
  "--as-group",
  "system:authenticated",
];

async function inNamespace(life = {}, labels = {}): Promise<string> {
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled", ...labels });
  await mesh.apply([
    deployment({ namespace, name: "web", replicas: 2, ...life }),
    statefulSet({ namespace, name: "db", replicas: 2, ...life }),
    daemonSet({ namespace, name: "agent" }),
  ]);
  await mesh.waitReady(namespace);
  return namespace;
}

interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
}

/**
 * What this plan can do without: watching is a hint, these lists give warnings only, there are no Rollouts here, and
 * Events are best effort.
 */
const dispensable = [
  "watch namespaces",
  "list namespaces", // one that is named is got
  "watch mutatingwebhookconfigurations",
  ...["deployments", "statefulsets", "daemonsets"].map((resource) => `watch ${resource}`),
  ...["get", "watch", "patch"].map((verb) => `${verb} rollouts`),
  "create events",
  "list configmaps", // for mesh-rollback --list
  ...["horizontalpodautoscalers", "poddisruptionbudgets", "cronjobs"].map((resource) => `list ${resource}`),
];

/** All the roles without one right, as one for the cluster and one for the Istio namespace, bound to a user. */
function rolesWithout(roles: readonly Json[], { resource, verb }: Right, user: string): readonly object[] {
  const rulesOf = (kind: string): readonly object[] =>
    roles
      .filter((role) => role.kind === kind)
      .flatMap(({ rules }) => rules as Json[])
      .flatMap((rule) =>
        rule.resources.map((one: string) => ({
          ...rule,
          resources: [one],
          verbs: rule.verbs.filter((each: string) => one !== resource || each !== verb),
        })),
      )
      .filter(({ verbs }) => verbs.length > 0);
  const api = { apiVersion: "rbac.authorization.k8s.io/v1" };
  const subjects = [{ kind: "User", name: user, apiGroup: "rbac.authorization.k8s.io" }];
  const roleRef = (kind: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name: user });
  const metadata = { name: user };
  const inside = { name: user, namespace: "istio-system" };
  return [
    { ...api, kind: "ClusterRole", metadata, rules: rulesOf("ClusterRole") },
    { ...api, kind: "ClusterRoleBinding", metadata, subjects, roleRef: roleRef("ClusterRole") },
    { ...api, kind: "Role", metadata: inside, rules: rulesOf("Role") },
    { ...api, kind: "RoleBinding", metadata: inside, subjects, roleRef: roleRef("Role") },
  ];
}

/** Registers the suite. */
export function describeRights(): void {
  describe("rights", { concurrency: 2 }, () => {
    before(() => mesh.apply([...rolesOf("viewer"), ...rolesOf("migrator")]));

    test("without any right: the first one that is lacking, and nothing of the cluster", async () => {
      for (const plugin of pluginNames()) {
        const args = await leastArguments(plugin, "default", "1-20");
        const result = await mesh.run(plugin, [...args, "--as", "nobody"]);
        assert.deepEqual([result.code, result.stdout], [5, ""], result.stderr);
        assert.match(result.stderr, /^error: could not (list|get) \w+.*: .* User "nobody" cannot \1 resource "\w+"/m);
        assert.match(
          result.stderr,
          /^ {2}Ask for the right to (list|get) [\w.]+.* Check with: kubectl auth can-i \1 [\w.]+/m,
        );
        assertNoStack(result);
      }
    });

    test("a viewer sees what an administrator sees, and moves nothing", async () => {
      for (const command of bindingsOf("viewer", "viewers")) await mesh.kubectl(command);
      const namespace = await inNamespace();
      const look = async (args: readonly string[]) => {
        const { code, stdout, stderr } = await mesh.run("mesh-revisions", ["-n", namespace, "-o", "json", ...args]);
        assert.equal(code, 0, stderr);
        const { unknown, default: standard, namespaces, workloads } = JSON.parse(stdout);
        return { unknown, standard, namespaces, workloads };
      };
      const seen = await look(member("viewers"));
      assert.deepEqual(seen, await look([]));
      assert.deepEqual(seen.unknown, []);
      assert.equal(seen.workloads.length, 3);
      const [state, since] = [await stateOf(mesh, namespace), new Date()];
      const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", ...member("viewers")]);
      assert.equal(code, 3, stderr);
      for (const verb of [
        "patch namespaces",
        "patch deployments.apps",
        "patch statefulsets.apps",
        "create pods",
        "delete pods",
      ])
        assert.match(
          stderr,
          new RegExp(`^blocker: namespace/${namespace}: you may not ${verb} \\[rights\\]\n {2}→ grant verb `, "m"),
        );
      assert.deepEqual([await stateOf(mesh, namespace), await writesTo(mesh, namespace, since)], [state, []]);
    });

    describe("a migrator of one namespace", () => {
      let [own, broken, other] = ["", "", ""];
      before(async () => {
        const crashing = { life: "crash", onRevision: "1-20", crashAfter: 200 };
        [own, broken, other] = await Promise.all([
          inNamespace(),
          inNamespace(crashing, { scenario: "restored" }),
          inNamespace(),
        ]);
        const commands = bindingsOf("migrator", "migrators").filter(
          (command) => !command.includes("mesh-migrators-everywhere"),
        );
        const perNamespace = commands.filter((command) => command.includes("NAMESPACE"));
        assert.equal(perNamespace.length, 1);
        for (const command of commands.filter((each) => !perNamespace.includes(each))) await mesh.kubectl(command);
        for (const namespace of [own, broken])
          for (const command of perNamespace)
            await mesh.kubectl(command.map((word) => word.replace("NAMESPACE", namespace)));
      });
      const run = (namespace: string) =>
        mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", "-o", "json", ...member("migrators")]);

      test("moves it", async () => {
        const result = await run(own);
        assert.deepEqual([result.code, documentOf(result).state], [0, "done"], result.stderr);
        assert.match(
          result.stderr,
          new RegExp(`^context real, server \\S+, user admin as one-of-migrators: namespace ${own} to 1-20\n`),
        );
        assert.doesNotMatch(result.stderr, /warning|forbidden/);
        await assertArrived(mesh, own, "1-20");
      });

      test("puts it back where the canary fails", async () => {
        const result = await run(broken);
        const { state, failure } = documentOf(result);
        assert.deepEqual([result.code, state], [4, "restored"], result.stderr);
        assert.ok(failure?.logs.length, "with the log of the container that crashed");
        assert.deepEqual(await labelsOf(mesh, broken), { "istio-injection": "enabled" });
        assert.deepEqual([...new Set((await mesh.pods(broken)).map(revisionOf))], ["default"]);
      });

      test("and no other", async () => {
        const [state, since] = [await stateOf(mesh, other), new Date()];
        const result = await run(other);
        const { findings } = documentOf(result);
        assert.equal(result.code, 3, result.stderr);
        assert.ok(
          findings.some(({ message }) => /cannot list resource "resourcequotas"/.test(message)),
          result.stdout,
        );
        assert.deepEqual([await stateOf(mesh, other), await writesTo(mesh, other, since)], [state, []]);
      });
    });

    test("each right that is missing is named, and nothing is changed", { concurrency: 3 }, async (t) => {
      const roles = [...rolesOf("viewer"), ...rolesOf("migrator")];
      const rights = new Map<string, Right>();
      for (const { rules } of roles)
        for (const { apiGroups, resources, verbs } of rules)
          for (const resource of resources)
            for (const verb of verbs) rights.set(`${verb} ${resource}`, { group: apiGroups[0], resource, verb });
      assert.ok(rights.size > 40);

      const users = [...rights].map(([title, right], index) => ({ title, right, user: `without-${index}` }));
      await mesh.apply(users.flatMap(({ right, user }) => rolesWithout(roles, right, user)));
      const namespace = await inNamespace();
      const [state, since] = [await stateOf(mesh, namespace), new Date()];
      const missed: string[] = [];
      await Promise.all(
        users.map(({ title, right, user }) =>
          t.test(title, async () => {
            const result = await mesh.run("mesh-migrate", [
              "-n",
              namespace,
              "--to",
              "1-20",
              "--dry-run=server",
              "--as",
              user,
            ]);
            assertNoStack(result);
            if (result.code === 0) return void missed.push(title);
            assert.ok(result.code === 3 || result.code === 5, result.stderr);
            assert.equal(result.stdout, "");
            assert.match(result.stderr, new RegExp(`(may not|cannot) ${right.verb} (resource ")?${right.resource}\\b`));
            for (const { severity, message, remedy } of findingsIn(result.stderr))
              assert.ok(remedy !== undefined || severity === "warning" || severity === "note", message);
          }),
        ),
      );
      assert.deepEqual(missed.toSorted(), dispensable.toSorted());
      assert.deepEqual([await stateOf(mesh, namespace), await writesTo(mesh, namespace, since)], [state, []]);
    });
  });
}
