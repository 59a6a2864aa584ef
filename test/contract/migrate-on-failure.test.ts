/** `mesh-migrate --on-failure=rollback`: what fails after the canary is put back, in every namespace of the run. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { MeshUnderTest } from "./mesh-under-test.ts";
import { enabled, neverFell, outcomesOf, settled } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { assertArrived, commandAfter, documentOf, labelsOf, recordOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const ready = { readyAfter: [500, 1000] } as const;

test("a workload that fails after the canary: both namespaces are as they were", async () => {
  const sound = await settled(mesh, (namespace) => [
    deployment({ namespace, name: "first", replicas: 2, ...ready }),
    statefulSet({ namespace, name: "db", replicas: 2, ...ready }),
  ]);
  const failing = await settled(mesh, (namespace) => [
    deployment({ namespace, name: "web", replicas: 2, ...ready }),
    deployment({ namespace, name: "sick", replicas: 3, life: "crash", onRevision: "1-20", ...ready }),
  ]);
  const args = ["-n", `${sound},${failing}`, "--to", "1-20", "--workload-timeout", "20s", "--on-failure", "rollback"];
  const run = await mesh.run("mesh-migrate", [...args, "-o", "json"]);
  const document = documentOf(run);
  assert.deepEqual([document.exitCode, document.state], [4, "restored"], run.stderr);
  assert.equal(document.failure?.object.name, "sick");
  assert.deepEqual(
    document.namespaces.map(({ name, labels }) => [name, labels]),
    [sound, failing].map((name) => [name, "restored"]),
  );
  assert.equal(outcomesOf(document).sick, "restored");
  assert.match(run.stderr, new RegExp(`^warning: not done: .*${failing}.* goes back to default$`, "m"));
  assert.ok(document.goOn?.includes("--on-failure"), document.goOn ?? "");
  for (const namespace of [sound, failing]) {
    assert.deepEqual(await labelsOf(mesh, namespace), enabled);
    assert.equal(await recordOf(mesh, namespace), undefined);
    await assertArrived(mesh, namespace, "default");
    neverFell(mesh, namespace);
  }
});

test("where the way back is refused, what was done stays and the command to go back is printed", async () => {
  const namespace = await settled(mesh, (namespace) => [
    deployment({ namespace, name: "web", replicas: 2, ...ready }),
    deployment({ namespace, name: "sick", replicas: 3, life: "crash", onRevision: "1-20", ...ready }),
  ]);
  let stopped: Promise<void> | undefined;
  const run = await mesh.run(
    "mesh-migrate",
    ["-n", namespace, "--to", "1-20", "--workload-timeout", "20s", "--on-failure", "rollback"],
    {
      onStderr: (text) => {
        if (/sick: /.test(text)) stopped ??= mesh.stopIstiod("default");
      },
    },
  );
  await stopped;
  try {
    assert.equal(run.code, 4, run.stderr);
    assert.match(run.stderr, /^warning: not put back: /m);
    assert.match(commandAfter("to go back:", run.stdout), new RegExp(`^kubectl mesh-rollback .*-n ${namespace}`));
    assert.deepEqual(await labelsOf(mesh, namespace), { "istio.io/rev": "1-20" });
  } finally {
    await mesh.startIstiod("default");
  }
});
