/** What the Tab key offers, as far as no cluster is needed; with one: test/real/krew.test.ts. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import fc from "fast-check";
import { rollbackFlags } from "../../plugins/mesh-rollback/rollback-flags.ts";
import { meshRollback } from "../../plugins/mesh-rollback.ts";
import { completions, howToLink } from "../../src/cli/completion.ts";
import { wantedOf } from "../../src/cli/completion-words.ts";
import { undoAnnotation } from "../../src/mesh/model.ts";
import { type UndoRecord, undoText } from "../../src/upgrade/record/undo-record.ts";
import { undoRecord } from "../fixtures/runs.ts";
import { plugin } from "./mesh-example.ts";

const folder = mkdtempSync(join(tmpdir(), "completion-"));
after(() => rmSync(folder, { recursive: true }));

const complete = (words: readonly string[]) => completions(plugin, words, performance.now() + 300);

const kubeconfig = join(folder, "config");
writeFileSync(
  kubeconfig,
  JSON.stringify({
    clusters: [{ name: "night", cluster: { server: "http://127.0.0.1:1" } }],
    contexts: [
      { name: "two words", context: { cluster: "night" } },
      { name: "west", context: { cluster: "night", user: "me" } },
      { name: "east", context: {} },
    ],
    users: [{ name: "me", user: {} }],
  }),
);

const cases: readonly (readonly [words: readonly string[], first: readonly string[], files?: true])[] = [
  [
    ["-o", ""],
    ["table", "wide", "json", "yaml", "name"],
  ],
  [["-A", "-o", "ya"], ["yaml"]],
  [["--output=j"], ["--output=json"]],
  [["--dry-run", "s"], ["server"]],
  [["--dry"], ["--dry-run\tclient prints the plan and stops, server also sends every write as a dry run"]],
  [["--kubeconfig", ""], [], true],
  [["--client-key=/t"], [], true],
  [
    ["--kubeconfig", kubeconfig, "--context", ""],
    ["east", "west\tcluster night"],
  ],
  [[`--kubeconfig=${kubeconfig}`, "--user", ""], ["me"]],
  [["--kubeconfig", kubeconfig, "--context=w"], ["--context=west\tcluster night"]],
  [["--kubeconfig", "/no/such/file", "--context", ""], []],
  [["-n"], ["-n\tnamespace, may be given many times and takes commas"]],
  [["--timeout", ""], []],
  [["--no-such-flag", "--", "-"], []],
  [["word"], []],
  // Nobody listens there.
  [["--server", "http://127.0.0.1:1", "--kubeconfig", "/dev/null", "-n", ""], []],
];

for (const [words, lines, files] of cases)
  test(`Tab after ${words.join(" ")}`, async () => {
    assert.deepEqual((await complete(words)).split("\n"), [...lines, files ? ":0" : ":4"]);
  });

test("flags typed are not offered again, but for those that may be", async () => {
  const offered = (await complete(["--to", "a", "-n", "b", "-A", "-o", "json", ""]))
    .split("\n")
    .map((line) => line.split("\t")[0]);
  for (const gone of ["--to", "--output", "--all-namespaces", "--fail"]) assert.ok(!offered.includes(gone), gone);
  for (const there of ["--namespace", "--leave", "--dry-run", "-v"]) assert.ok(offered.includes(there), there);
});

test("a server that never answers is not waited for", async () => {
  const server = createServer(() => {});
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const began = performance.now();
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  assert.equal(await complete(["--server", at, "--kubeconfig", "/dev/null", "-n", ""]), ":4");
  assert.ok(performance.now() - began < 1000);
});

suite("mesh-rollback", () => {
  const tab = (...words: readonly string[]) => completions(meshRollback, words, performance.now() + 5_000);

  test("its flags, and what of them needs no cluster", async () => {
    const offered = (await tab("-")).split("\n").map((line) => line.split("\t")[0]);
    const own = Object.keys(rollbackFlags).filter((key) => !("hidden" in rollbackFlags[key as "run"]));
    const names = own.map((key) =>
      key.length === 1 ? `-${key}` : `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    );
    assert.deepEqual(offered.slice(0, -1).toSorted(), names.toSorted());
    assert.equal(await tab("--dry-run", ""), "none\nclient\nserver\n:4");
    assert.equal(await tab("--to-before", ""), ":4");
  });

  test("--run: the runs that can be undone; -n: the namespaces, also the second of a list", async () => {
    const record = (name: string, change: Partial<UndoRecord> | string) => ({
      metadata: {
        ...{ name, uid: `uid-of-${name}`, labels: { "istio.io/rev": "prod" } },
        annotations: { [undoAnnotation]: typeof change === "string" ? change : undoText(undoRecord(change)) },
      },
    });
    const items = [record("a", {}), record("b", {}), record("c", { run: "c3" }), record("d", "{")];
    const server = createServer((request, response) => {
      const known = new URL(request.url ?? "", "http://host").pathname === "/api/v1/namespaces";
      response.writeHead(known ? 200 : 404, { "content-type": "application/json" });
      const list = {
        apiVersion: "meta.k8s.io/v1",
        kind: "PartialObjectMetadataList",
        metadata: { resourceVersion: "7" },
        items,
      };
      response.end(JSON.stringify(known ? list : { kind: "Status", status: "Failure", code: 404 }));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    after(() => {
      server.close();
      server.closeAllConnections();
    });
    const at = ["--server", `http://127.0.0.1:${(server.address() as AddressInfo).port}`, "--kubeconfig", "/dev/null"];
    const runs = ["a1\tdefault to 1-20, 2 namespaces", "c3\tdefault to 1-20, 1 namespace", ":4"];
    assert.deepEqual((await tab(...at, "--run", "")).split("\n"), runs);
    assert.equal(await tab(...at, "--run=c"), `--run=${runs[1]}\n:4`);
    assert.equal(await tab(...at, "-n", "a,d"), "a,d\tistio.io/rev=prod\n:4");
  });
});

test("no words make it fail, and what is completed begins with what was typed", async () => {
  const word = fc.oneof(
    fc.constantFrom(
      "-",
      "--",
      "-n",
      "-A",
      "-nA",
      "--to",
      "--to=",
      "-o=",
      "--output=",
      "__proto__",
      "--constructor",
      "",
    ),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => {
      const wanted = wantedOf(words, plugin.options);
      if (wanted.kind === "value") assert.ok((words.at(-1) ?? "").endsWith(wanted.before + wanted.partial));
      // These ask a cluster.
      if (wanted.kind === "value" && wanted.flag.completes !== undefined) return;
      for (const line of (await complete(words)).split("\n").slice(0, -1))
        assert.ok(line.startsWith(words.at(-1) ?? ""), line);
    }),
  );
});

test("lists take commas, and what stands before them stays", () => {
  const wanted = wantedOf(["--context", "west", "-n", "shop,bil"], plugin.options);
  assert.ok(wanted.kind === "value");
  assert.deepEqual([wanted.key, wanted.before, wanted.partial], ["namespace", "shop,", "bil"]);
  assert.deepEqual(wanted.typed.get("context"), ["west"]);
});

test("how to link it", () => {
  writeFileSync(join(folder, "kubectl-mesh_x"), "");
  const command = (called: string, path = "", platform = "linux") =>
    howToLink("mesh-x", called, path, platform).split("\n").at(-1);
  assert.equal(
    command("/it's here/kubectl-mesh_x"),
    String.raw`ln -sf kubectl-mesh_x '/it'\''s here/kubectl_complete-mesh_x'`,
  );
  assert.equal(
    command("kubectl-mesh_x", `/nowhere:${folder}`),
    `ln -sf kubectl-mesh_x '${folder}/kubectl_complete-mesh_x'`,
  );
  assert.equal(
    command("/b/kubectl-mesh_x.exe", "", "win32"),
    'mklink "/b/kubectl_complete-mesh_x.exe" "/b/kubectl-mesh_x.exe"',
  );
});
