/**
 * What docs/guide.md shows of the plugins is what they print, one command after the other on one mesh.
 * `--test-update-snapshots` writes it (npm run test:update).
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { bootMesh, type EmbeddedMesh } from "../embedded/mesh.ts";

const file = "docs/guide.md";
const updates = [...process.execArgv, ...process.argv].includes("--test-update-snapshots");

/** The commands of the guide that are not plugins, and what they do to the mesh. */
const others: Readonly<Record<string, (mesh: EmbeddedMesh) => Promise<void>>> = {
  "istioctl install -y --set profile=minimal --set revision=1-20": (mesh) => mesh.addRevision("1-20", "1.20.0"),
};

/** What a run prints that is never the same again: its id. */
const settled = (text: string): string => text.replaceAll(/\b[0-9a-f]{12}\b/g, "3f9a1c22b07d");

/** A block of commands, each with what it prints, as the mesh prints it now. */
async function played(block: string, mesh: EmbeddedMesh): Promise<string> {
  const commands = block.split("\n").filter((line) => line.startsWith("$ "));
  let text = "";
  for (const command of commands.map((line) => line.slice(2))) {
    const other = others[command];
    text += `$ ${command}\n`;
    if (other) {
      await other(mesh);
      continue;
    }
    const [, plugin, ...args] = command.split(" ");
    assert.ok(command.startsWith("kubectl mesh-") && plugin, `the guide has a command that is not played: ${command}`);
    const { code, stdout, stderr } = await mesh.run(plugin, args);
    const printed = (stdout || stderr).replaceAll(` --kubeconfig ${mesh.kubeconfig}`, "");
    text += settled(printed);
    if (code !== 0) text += `$ echo $?\n${code}\n`;
  }
  return text;
}

test("docs/guide.md shows what the plugins print", async () => {
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
