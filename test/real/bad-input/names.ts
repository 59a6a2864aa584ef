/** What people call things: slips, and names that are valid though they look odd. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { load } from "js-yaml";
import { writesTo } from "../../contract/migrations.ts";
import { assertNoStack, findingsIn, stateOf, told } from "../../contract/refusal.ts";
import { assertArrived, documentOf, labelsOf } from "../../contract/verify-result.ts";
import { deployment, statefulSet } from "../../fixtures/workload-objects.ts";
import type { Json, Result } from "../kit.ts";
import { inNamespace, mesh, refused, to } from "./one-mesh.ts";

const longest = `${"a23456789-".repeat(6)}123`; // 63 letters, as many as a label or a name may have

/** Ended with this code and these words on stderr, in few lines, without a word on stdout. */
function assertFailed(result: Result, code: number, words: RegExp): void {
  assert.deepEqual([result.code, result.stdout], [code, ""], result.stderr);
  assert.match(result.stderr, words);
  const lines = result.stderr.trimEnd().split("\n");
  assert.ok(lines.length <= 4, result.stderr);
  assert.match(lines.at(-1) ?? "", /^ {2}\S|^See /, "a remedy");
  assertNoStack(result);
}

/** istioctl takes a tag of digits for a number and fails; whoever writes the webhook himself need not. */
async function setNumericTag(tag: string): Promise<void> {
  await mesh.setTag("like", "1-20");
  const where = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
  const { metadata, webhooks } = await mesh.api.get(`${where}/istio-revision-tag-like`);
  const labels = { ...metadata.labels, "istio.io/tag": tag };
  const renamed = JSON.parse(JSON.stringify(webhooks).replaceAll('"like"', JSON.stringify(tag)));
  await mesh.api.post(where, { metadata: { name: `istio-revision-tag-${tag}`, labels }, webhooks: renamed });
}

/** Registers the suite. */
export function describeNames(): void {
  describe("names", { concurrency: 3 }, () => {
    test("an unknown namespace, with the one that was meant", async () => {
      const namespace = await mesh.createNamespace({ "istio-injection": "enabled" }, "production");
      const slip = await mesh.run("mesh-migrate", ["-n", "prodution", ...to]);
      assert.deepEqual([slip.code, slip.stdout], [3, ""], slip.stderr);
      const [finding] = findingsIn(slip.stderr);
      assert.deepEqual(
        [finding?.check, finding?.object, finding?.message],
        ["namespaces-exist", "namespace/prodution", `there is no namespace prodution, did you mean ${namespace}?`],
      );
      const look = await mesh.run("mesh-revisions", ["-n", "prodution,production"]);
      assertFailed(look, 3, /^error: there is no namespace prodution, did you mean production\?$/m);
    });

    test("one of two namespaces is unknown: neither is touched", async () => {
      const namespace = await inNamespace();
      const [state, since] = [await stateOf(mesh, namespace), new Date()];
      const { code, stderr } = await mesh.run("mesh-migrate", ["-n", `${namespace},nowhere-at-all`, ...to]);
      const blockers = findingsIn(stderr).filter(({ severity }) => severity === "blocker");
      assert.deepEqual([code, blockers.map(({ object }) => object)], [3, ["namespace/nowhere-at-all"]], stderr);
      assert.deepEqual([await stateOf(mesh, namespace), await writesTo(mesh, namespace, since)], [state, []]);
    });

    test("an unknown revision or tag, with the one that was meant", async () => {
      const namespace = await inNamespace();
      await mesh.setTag("prod-stable", "1-20");
      const revision = told(await refused(namespace, ["target-exists revision/1-21"], ["--to", "1-21"]));
      assert.deepEqual(
        [revision.message, /^served here: .*1-20/.test(revision.remedy ?? "")],
        ["no revision or tag has this name, did you mean 1-20?", true],
      );
      const tag = told(await refused(namespace, ["target-exists revision/prod-stabel"], ["--to", "prod-stabel"]));
      assert.match(tag.message, /, did you mean prod-stable\?$/);
      assertFailed(await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1.20"]), 2, /did you mean "1-20"\?/);
      const from = await mesh.run("mesh-migrate", ["-A", "--from", "defualt", ...to]);
      assert.equal(from.code, 3, from.stderr);
      assert.match(
        from.stderr,
        /^blocker: revision\/defualt: no revision has this name, did you mean default\? \[from-exists\]$/m,
      );
    });

    test("a tag of an istiod that is gone", async () => {
      const namespace = await inNamespace();
      await mesh.setTag("orphan", "1-20");
      const { items } = await mesh.api.get(
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations?labelSelector=istio.io%2Ftag%3Dorphan",
      );
      await mesh.api.merge(
        `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${items[0].metadata.name}`,
        {
          metadata: { labels: { "istio.io/rev": "1-18" } },
          webhooks: items[0].webhooks.map((webhook: Json) => {
            const service = { ...webhook.clientConfig.service, name: "istiod-1-18" };
            return { ...webhook, clientConfig: { ...webhook.clientConfig, service } };
          }),
        },
      );
      const { findings } = await refused(
        namespace,
        ["target-endpoints istio-system/Service/istiod-1-18", "target-ready revision/1-18"],
        ["--to", "orphan"],
      );
      assert.match(JSON.stringify(findings), /webhook but no istiod/);
    });

    test("odd but valid ones are moved like all others", async () => {
      const odd = ["constructor", "120", "1e3"];
      await Promise.all([mesh.setTag(longest, "1-20"), setNumericTag("120")]);
      await Promise.all([...odd, longest].map((name) => mesh.createNamespace({ "istio-injection": "enabled" }, name)));
      const names = ["constructor", "120", longest];
      await mesh.apply([
        ...names.map((name) => deployment({ namespace: "constructor", name, replicas: 2 })),
        deployment({ namespace: "120", name: "tostring", replicas: 1 }),
        statefulSet({ namespace: "1e3", name: "0x10", replicas: 2 }),
        deployment({ namespace: longest, name: longest, replicas: 2 }),
        deployment({ namespace: longest, name: "constructor", replicas: 1 }),
      ]);
      await Promise.all([...odd, longest].map((name) => mesh.waitReady(name)));
      const some = await mesh.run("mesh-migrate", ["-n", odd.join(","), "--to", "120", "-o", "json"]);
      const document = documentOf(some);
      assert.deepEqual(
        [document.state, document.target?.label, document.target?.revision],
        ["done", "120", "1-20"],
        some.stderr,
      );
      assert.deepEqual(
        document.workloads.map(({ namespace, name }) => `${namespace}/${name}`).toSorted(),
        ["120/tostring", "1e3/0x10", `constructor/${longest}`, "constructor/120", "constructor/constructor"].toSorted(),
      );
      const left = await mesh.run("mesh-migrate", [
        "-n",
        longest,
        "--to",
        longest,
        "--leave",
        "deployment/constructor",
      ]);
      assert.equal(left.code, 0, left.stderr);
      for (const name of odd) await assertArrived(mesh, name, "1-20");
      await assertArrived(mesh, longest, "1-20", { of: ({ metadata }: Json) => metadata.labels.app === longest });
      assert.deepEqual(await labelsOf(mesh, longest), { "istio.io/rev": longest });
      assert.deepEqual(await labelsOf(mesh, "1e3"), { "istio.io/rev": "120" });
      const look = await mesh.run("mesh-revisions", ["-n", [...odd, longest].join(",")]);
      assert.equal(look.code, 0, look.stderr);
      for (const name of names) assert.match(look.stdout, new RegExp(`(^| )(deployment/)?${name}( |$)`, "im"));
    });

    test("a refusal as a document, and as names", async () => {
      const namespace = await mesh.createNamespace({});
      const run = (output: string) => mesh.run("mesh-migrate", ["-n", namespace, ...to, "-o", output]);
      const json = await run("json");
      const document = documentOf(json);
      assert.deepEqual([json.code, document.state, document.exitCode], [3, "refused", 3]);
      assert.deepEqual(
        document.findings.map(({ check, severity, object }) => [check, severity, object]),
        [["namespaces-injected", "blocker", `namespace/${namespace}`]],
      );
      const yaml = await run("yaml");
      assert.deepEqual([yaml.code, load(yaml.stdout)], [3, JSON.parse(json.stdout)]);
      const name = await run("name");
      assert.deepEqual([name.code, name.stdout, findingsIn(name.stderr).length], [3, "", 1]);
      for (const result of [json, yaml, name]) assertNoStack(result);
    });
  });
}
