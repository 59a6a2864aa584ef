/** What the Tab key offers, as far as no cluster is needed; with one: test/real/krew.test.ts. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { completions, howToLink } from "../../src/cli/completion.ts";
import { wantedOf } from "../../src/cli/completion-words.ts";
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
