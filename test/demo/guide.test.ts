/**
 * Runs the commands of docs/guide.md one after the other on one mesh, and compares their output with the guide.
 * `--test-update-snapshots` writes the guide (npm run test:update).
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { bootMesh, type EmbeddedMesh } from "../embedded/mesh.ts";

const file = "docs/guide.md";
const updates = [...process.execArgv, ...process.argv].includes("--test-update-snapshots");

/** The commands of the guide that are not plugins, and their effect on the mesh. */
const others: Readonly<Record<string, (mesh: EmbeddedMesh) => Promise<void>>> = {
  "istioctl install -y --set profile=minimal --set revision=1-20": (mesh) => mesh.addRevision("1-20", "1.20.0"),
  "sleep 1h": (mesh) => mesh.pass(3_600_000),
};

/** Ids of runs and times are different each time. */
const settled = (text: string): string =>
  text
    .replaceAll(/\b[0-9a-f]{12}\b/g, "3f9a1c22b07d")
    .replaceAll(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "2026-01-01T09:30:00Z");

/** The words of a command line, in which a word can have double quotes around it. */
const wordsOf = (command: string): readonly string[] =>
  [...command.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);

/** A block of commands, each with its output on this mesh, and with its exit code where that is not 0. */
async function played(block: string, mesh: EmbeddedMesh): Promise<string> {
  const commands = block.split("\n").filter((line) => line.startsWith("$ ") && line !== "$ echo $?");
  let text = "";
  for (const command of commands.map((line) => line.slice(2))) {
    const other = others[command];
    text += `${text === "" || text.endsWith("$ sleep 1h\n") ? "" : "\n"}$ ${command}\n`;
    if (other) {
      await other(mesh);
      continue;
    }
    const [, plugin, ...args] = wordsOf(command);
    assert.ok(
      command.startsWith("kubectl mesh-") && plugin,
      `the guide has a command that the test cannot run: ${command}`,
    );
    const { code, stdout, stderr } = await mesh.run(plugin, args);
    const printed = (stdout || stderr).replaceAll(` --kubeconfig ${mesh.kubeconfig}`, "");
    text += settled(printed);
    if (code !== 0) text += `$ echo $?\n${code}\n`;
  }
  return text;
}

test("docs/guide.md shows the output of the plugins", async () => {
  const guide = readFileSync(file, "utf8");
  const manifests = readFileSync("test/clusters/demo.yaml", "utf8");
  await using mesh = await bootMesh({ revisions: { default: "1.19.0" }, manifests });
  for (const namespace of ["production", "staging"]) await mesh.waitReady(namespace);
  const [first, ...rest] = guide.split("```console\n");
  let text = first ?? "";
  for (const part of rest) {
    const [block = "", ...after] = part.split("```\n");
    text += `\`\`\`console\n${await played(block, mesh)}\`\`\`\n${after.join("```\n")}`;
  }
  if (updates) return writeFileSync(file, text);
  assert.equal(guide, text);
});
