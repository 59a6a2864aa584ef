/** The history of namespaces, read from an API server: after a migration, with a journal, and without the rights. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect } from "../../src/cluster/connect.ts";
import { readHistory } from "../../src/gather/read-history.ts";
import { journalKey, journalText, stateLabels, stateName } from "../../src/upgrade/record/run-journal.ts";
import { historyText } from "../../src/views/history-view.ts";
import { recordOf } from "../contract/verify-result.ts";
import { runJournal, runRecord } from "../fixtures/runs.ts";
import { deployment } from "../fixtures/workload-objects.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";

let mesh: EmbeddedMesh;
before(async () => {
  mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.down());

const shown = async (namespaces: readonly string[] | "all", output = "table", token = "admin"): Promise<string> => {
  const flags = { kubeconfig: mesh.kubeconfig, token };
  const options = { userAgent: "test", fieldManager: "test", warn: () => {}, clock: mesh.clock };
  return mesh.clock.during(
    (async () => {
      const cluster = await connect(flags, options);
      try {
        const { facts } = await readHistory(cluster, namespaces);
        return historyText(facts, new Map(), { output, noHeaders: true });
      } finally {
        await cluster.close();
      }
    })(),
  );
};

test("a migration leaves a history, and a namespace without one is not in it", async () => {
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled" }, "moved");
  await mesh.createNamespace({ "istio-injection": "enabled" }, "unmoved");
  await mesh.apply([deployment({ namespace, name: "web", replicas: 2 })]);
  await mesh.waitReady(namespace);
  assert.equal((await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"])).code, 0);
  const { run } = await recordOf(mesh, namespace);
  const { runs } = JSON.parse(await shown("all", "json"));
  assert.deepEqual(
    runs
      .filter((each: { run: string }) => each.run === run)
      .map(({ namespace: name, verb, from, to, state, wayBack }: Record<string, unknown>) => ({
        ...{ name, verb, from, to, state, wayBack },
      })),
    [
      {
        ...{ name: "moved", verb: "migrate", from: "default", to: "1-20", state: "done" },
        wayBack: { state: "unknown", findings: [] },
      },
    ],
  );
  assert.equal(await shown("all", "name"), "namespace/moved\n");
});

test("a journal alone makes a history too; it is found by its name and label", async () => {
  for (const [namespace, name, labels] of [
    ["kept", stateName, stateLabels],
    ["others", "another", stateLabels],
    ["unlabelled", stateName, {}],
  ] as const) {
    await mesh.createNamespace({}, namespace);
    const { metadata } = await mesh.api.get(`/api/v1/namespaces/${namespace}`);
    const { uid: clusterUid } = (await mesh.api.get("/api/v1/namespaces/kube-system")).metadata;
    const journal = runJournal([runRecord({ state: "undone" })], { namespaceUid: metadata.uid, clusterUid });
    const data = { [journalKey]: journalText(journal) };
    await mesh.api.post(`/api/v1/namespaces/${namespace}/configmaps`, { metadata: { name, labels }, data });
  }
  assert.match(await shown("all"), /^kept +a1 +migrate +default +1-20 +ann@laptop +\S+ +undone +<none>$/m);
  assert.doesNotMatch(await shown("all"), /^(others|unlabelled) /m);
  assert.match(await shown(["unlabelled"]), /^unlabelled +a1 .* undone /);
});

test("without the right to list, an error that names the right and the other way", async () => {
  mesh.addUser("nobody", { name: "nobody", groups: ["system:authenticated"] });
  await assert.rejects(shown("all", "table", "nobody"), (error: Error & { hint?: string }) => {
    assert.match(
      `${error.message}\n${error.hint}`,
      /list (namespaces|configmaps)[\s\S]*or name the namespaces with -n$/,
    );
    return true;
  });
});
