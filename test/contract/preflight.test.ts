/**
 * A preflight of a mesh: quiet where all is well, before and after the target is installed, and with no change. That it
 * finds what a migration refuses is held with each refusal (refusal.ts).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { PreflightDocument } from "../../src/views/preflight-document.ts";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import { isWrite, type MeshUnderTest } from "./mesh-under-test.ts";
import { settled } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { grantRights } from "./rights-of-docs.ts";

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
addFormats.default(ajv);
const validate = ajv.compile(
  JSON.parse(readFileSync(`${import.meta.dirname}/../../schemas/preflight.schema.json`, "utf8")),
);

describe("an un-revisioned 1.19.0 and 1-20", () => {
  let mesh: MeshUnderTest;
  let healthy: string;
  before(async () => {
    mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
    healthy = await settled(mesh, (namespace) => [
      deployment({ namespace, name: "web", replicas: 3, readyAfter: 200 }),
      statefulSet({ namespace, name: "db", replicas: 2, readyAfter: 200 }),
    ]);
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  const look = async (...args: readonly string[]): Promise<PreflightDocument> => {
    const { code, stdout, stderr } = await mesh.run("mesh-preflight", [...args, "-o", "json"]);
    const document: PreflightDocument = JSON.parse(stdout);
    assert.ok(validate(document), JSON.stringify(validate.errors, undefined, 2));
    assert.equal(code, document.exitCode, stderr);
    return document;
  };
  /** What is worse than a note, as `SEVERITY CHECK OBJECT`. */
  const against = ({ checks }: PreflightDocument): readonly string[] =>
    checks.flatMap(({ findings }) =>
      findings
        .filter(({ severity }) => severity !== "note")
        .map(({ severity, check, object, message }) => `${severity} ${check} ${object}: ${message}`),
    );

  test("a healthy mesh: nothing speaks against it, and nothing is written", async () => {
    const since = mesh.now();
    const document = await look("--to", "1-20", "--strict");
    assert.deepEqual(against(document), []);
    assert.deepEqual([document.state, document.exitCode, document.installed], ["ready", 0, true]);
    assert.deepEqual(document.namespaces, [healthy]);
    assert.deepEqual(
      document.checks.filter(({ state }) => state === "skipped").map(({ id }) => id),
      [],
    );
    const entries = (await mesh.audit(since)).filter(({ userAgent }) => userAgent.startsWith("mesh-preflight"));
    assert.ok(entries.length > 20, `${entries.length} requests`);
    const tried = entries.filter(({ verb, dryRun }) => verb === "patch" && dryRun);
    assert.deepEqual(tried.map(({ resource }) => resource).toSorted(), ["deployments", "namespaces", "statefulsets"]);
    assert.deepEqual(
      entries.filter((entry) => isWrite(entry)).map(({ verb, resource }) => `${verb} ${resource}`),
      [],
    );
  });

  test("a revision that is not installed is judged as if it were", async () => {
    const before = await look("--to", "1-21");
    assert.deepEqual([before.state, before.installed, before.revision], ["blocked", false, "1-21"]);
    assert.deepEqual(
      against(before).map((line) => line.split(":")[0]),
      ["blocker target-exists revision/1-21"],
    );
    const skipping = await look("--to", "1-21", "--skip", "target-exists");
    assert.deepEqual([against(skipping), skipping.state, skipping.namespaces], [[], "ready", [healthy]]);
    assert.ok(skipping.checks.some(({ id, state }) => id === "target-ready" && state === "skipped"));
  });

  test("what mesh-revisions finds is found too", async () => {
    const namespace = await mesh.createNamespace({ "istio.io/rev": "1-19" });
    const said = against(await look("--to", "1-20"));
    await mesh.api.merge(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { "istio.io/rev": null } } });
    assert.ok(
      said.some((line) => line.startsWith(`warning label-unserved namespace/${namespace}: `)),
      said.join("; "),
    );
  });

  test("--wait looks again until it passes", async () => {
    const namespace = await settled(mesh, (of) => [
      deployment({ namespace: of, name: "alone", replicas: 1, spec: { strategy: { type: "Recreate" } } }),
    ]);
    const blocked = await mesh.run("mesh-preflight", ["--to", "1-20", "-n", namespace, "-o", "name"]);
    assert.deepEqual([blocked.code, blocked.stdout.trim()], [3, "downtime"]);
    let mended: Promise<void> | undefined;
    const { code, stdout, stderr } = await mesh.run(
      "mesh-preflight",
      ["--to", "1-20", "-n", namespace, "--wait", "2m", "-o", "json"],
      {
        onStderr: (text) => {
          if (text.includes("waiting, "))
            mended ??= mesh.apply([
              deployment({ namespace, name: "alone", replicas: 2, spec: { strategy: { type: "RollingUpdate" } } }),
            ]);
        },
      },
    );
    await mended;
    assert.equal(code, 0, stdout + stderr);
    assert.match(stderr, /^waiting, .* left: downtime/m);
  });

  test("what --skip and --check name is all that is left out, or all that is looked at", async () => {
    const only = await look("--to", "1-20", "--check", "rights,downtime");
    assert.deepEqual(
      only.checks.filter(({ state }) => state !== "skipped").map(({ id }) => id),
      ["rights", "downtime"],
    );
    const unknown = await mesh.run("mesh-preflight", ["--to", "1-20", "--skip", "downtimes"]);
    assert.deepEqual([unknown.code, unknown.stdout], [2, ""]);
    assert.match(unknown.stderr, /did you mean downtime\?/);
  });

  test("the rights of docs/rbac are enough; one that is missing is told, and is never read as nothing", async () => {
    const documents = ["viewer", "migrator", "preflight"];
    await grantRights(mesh, "planner", undefined, documents);
    assert.deepEqual(against(await look("--to", "1-20", "-A", "--as", "planner")), []);
    for (const [right, state, check] of [
      ["list nodes", "ready", "node-groups"],
      ["list services", "cannot-tell", "readiness-probes"],
      ["list limitranges", "cannot-tell", "limit-ranges"],
      ["list resourcequotas", "cannot-tell", "quota"],
      ["patch namespaces", "blocked", "rights"],
    ] as const) {
      const user = `planner-without-${right.replace(" ", "-")}`;
      await grantRights(mesh, user, right, documents);
      const document = await look("--to", "1-20", "-A", "--as", user);
      assert.equal(document.state, state, `${right}: ${against(document).join("; ")}`);
      const told = against(document).map((line) => line.split(" ")[1]);
      assert.ok(told.includes(check), `${right}: ${against(document).join("; ")}`);
      const accepts = document.checks.flatMap(({ findings }) =>
        findings.map(({ check: id, accept }) => [id, accept?.flag]),
      );
      // what only a preflight checks is left out here; mesh-migrate accepts what is its own
      if (check === "limit-ranges") assert.ok(accepts.some(([id, flag]) => id === check && flag === "--skip"));
      if (check === "quota") assert.ok(accepts.some(([id, flag]) => id === check && flag === "--skip-check"));
    }
  });

  test("--list asks no cluster", async () => {
    const { code, stdout } = await mesh.run("mesh-preflight", ["--list", "-o", "name", "--kubeconfig", "/nowhere"]);
    assert.equal(code, 0);
    assert.ok(stdout.split("\n").includes("target-exists"));
  });
});
