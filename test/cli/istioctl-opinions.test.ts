/** What becomes of the messages of `istioctl analyze` and `precheck` in a preflight, with a program in its place. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { istioctlOpinions } from "../../plugins/mesh-preflight/istioctl-opinions.ts";

const folder = mkdtempSync(join(tmpdir(), "istioctl-opinions-"));
after(() => rmSync(folder, { recursive: true }));

const opinionsOf = (script: string) => {
  const file = join(folder, `istioctl-${script.length}`);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return istioctlOpinions({
    ...{ istioNamespace: "istio-system", flags: {}, signal: new AbortController().signal },
    env: { PATH: process.env.PATH, ISTIOCTL: file },
  });
};

test("errors and warnings are warnings, information is a note, under istioctl's codes", async () => {
  const messages = ["Error", "Warning", "Info"].map((level, at) => ({
    ...{ code: `IST010${at}`, level, message: "says \u001b[31m", origin: "Namespace a" },
  }));
  const [analyze] = await opinionsOf(`cat <<'END'\n${JSON.stringify(messages)}\nEND\nexit 79`);
  assert.deepEqual([analyze?.state, analyze?.evidence], ["answered", "3 messages"]);
  assert.deepEqual(
    analyze?.findings.map(({ check, severity, object, message }) => [check, severity, object, message]),
    [
      ["IST0100", "warning", "Namespace a", "says \\u001b[31m"],
      ["IST0101", "warning", "Namespace a", "says \\u001b[31m"],
      ["IST0102", "note", "Namespace a", "says \\u001b[31m"],
    ],
  );
});

test("a precheck that finds nothing prints nothing; an analysis that prints nothing is no answer", async () => {
  const quiet = await opinionsOf("exit 0");
  assert.deepEqual(
    quiet.map(({ tool, state }) => [tool, state]),
    [
      ["istioctl analyze", "unknown"],
      ["istioctl x precheck", "answered"],
    ],
  );
  // 1.19 has no -o
  const old = await opinionsOf("echo unknown flag >&2; exit 1");
  assert.deepEqual(
    old.map(({ state }) => state),
    ["unknown", "unknown"],
  );
});
