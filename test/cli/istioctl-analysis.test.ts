/** What becomes of each end of `istioctl analyze`, with a program in its place. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { IstioctlRequest } from "../../src/cli/istioctl.ts";
import { analyzeMesh } from "../../src/cli/istioctl-analysis.ts";

const folder = mkdtempSync(join(tmpdir(), "istioctl-analysis-"));
after(() => rmSync(folder, { recursive: true }));

let programs = 0;
/** A program that does so; `$*` are its arguments. */
const programOf = (script: string): string => {
  const file = join(folder, `istioctl-${++programs}`);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
};
const analyze = (program: string, request: Partial<IstioctlRequest> = {}) =>
  analyzeMesh("1-19", {
    ...{ istioNamespace: "istio-system", flags: {}, signal: new AbortController().signal },
    ...{ env: { PATH: process.env.PATH, ISTIOCTL: program }, ...request },
  });

/** As istioctl 1.29 prints it. */
const finding = (code: string, message: string) => ({
  ...{ code, documentationUrl: "https://istio.io/x", level: "Error", message },
  origin: "MutatingWebhookConfiguration istio-sidecar-injector-1-19",
});
const printing = (messages: unknown, code = 0): string =>
  programOf(`cat <<'END'\n${JSON.stringify(messages)}\nEND\nexit ${code}`);

const ends: readonly (readonly [what: string, program: () => string, state: string, evidence: RegExp])[] = [
  ["no message", () => printing([]), "good", /^0 messages, none of them IST0139$/],
  ["null", () => printing(null), "good", /^0 messages/],
  ["another message", () => printing([finding("IST0102", "not enabled")]), "good", /^1 message, none of them IST0139$/],
  [
    "an invalid webhook, and another exit code",
    () => printing([finding("IST0102", "x"), finding("IST0139", "selector \u001b[31m overlaps")], 79),
    "bad",
    /^IST0139 MutatingWebhookConfiguration istio-sidecar-injector-1-19: selector \\u001b\[31m overlaps$/,
  ],
  [
    "two of them, one without end",
    () => printing([finding("IST0139", "x".repeat(9_999)), finding("IST0139", "y")]),
    "bad",
    /^IST0139 .{290,310}…, and 1 more$/,
  ],
  ["a message of the wrong shape", () => printing([{ code: 7 }]), "good", /^1 message/],
  ["no list", () => printing({ code: "IST0139" }), "unknown", /without a list in JSON/],
  ["no objects", () => printing(["IST0139", null]), "unknown", /without a list in JSON/],
  [
    "no JSON",
    () => programOf("echo Error: unreachable; exit 1"),
    "unknown",
    /^istioctl ended with exit code 1, without/,
  ],
  ["nothing", () => programOf("kill -9 $$"), "unknown", /^istioctl ended with exit code none/],
  ["a flood", () => programOf("yes"), "unknown", /wrote more than 16 MiB/],
  ["a program that is not there", () => join(folder, "none"), "skipped", /none is not on the PATH$/],
  ["a file that cannot be run", () => folder, "unknown", /cannot be run \(EACCES\)$/],
  ["none wanted", () => "", "skipped", /^\$ISTIOCTL is empty$/],
];

for (const [what, program, state, evidence] of ends)
  test(`${what}: ${state}`, async () => {
    const analysis = await analyze(program());
    assert.equal(analysis.state, state, analysis.evidence);
    assert.match(analysis.evidence, evidence);
  });

test("it is killed after its time, and by a signal", async () => {
  const slow = programOf("exec sleep 60");
  const late = await analyze(slow, { limitMs: 100 });
  assert.deepEqual([late.state, /did not end within 0.1 s/.test(late.evidence)], ["unknown", true]);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 100);
  const stopped = await analyze(slow, { signal: stop.signal });
  assert.deepEqual([stopped.state, /was interrupted/.test(stopped.evidence)], ["unknown", true]);
});

test("it is pointed at the same cluster, or not run", async () => {
  const args = join(folder, "args");
  const program = programOf(`echo "$*" > ${args}; echo '[]'`);
  const flags = { kubeconfig: "/a b/config", context: "west", cluster: undefined, insecureSkipTlsVerify: undefined };
  assert.equal((await analyze(program, { istioNamespace: "mesh", flags })).state, "good");
  const { readFileSync } = await import("node:fs");
  assert.equal(
    readFileSync(args, "utf8"),
    "analyze -A --revision 1-19 -o json -i mesh --kubeconfig /a b/config --context west\n",
  );
  for (const [given, name] of [
    [{ server: "https://elsewhere" }, "--server"],
    [{ token: "secret" }, "--token"],
    [{ as: "ann" }, "--as"],
    [{ asGroup: ["a"] }, "--as-group"],
  ] as const) {
    const analysis = await analyze(program, { flags: given });
    assert.deepEqual(analysis, { state: "skipped", evidence: `istioctl has no flag ${name}` });
  }
});
