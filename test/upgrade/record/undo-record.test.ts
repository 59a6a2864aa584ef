import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import fc from "fast-check";
import type { UndoRecord } from "../../../src/upgrade/plan/plan.ts";
import {
  goBackCommand,
  goOnCommand,
  isMalformed,
  parseUndoRecord,
  shellWord,
  undoText,
} from "../../../src/upgrade/record/undo-record.ts";
import { request } from "../builders.ts";

const record: UndoRecord = {
  version: 1, run: "r1", target: { label: "prod", revision: "1-20", tag: "prod" }, stamp: "2026-11-03T04:05:06Z", namespaceUid: "u1",
  before: { "istio-injection": "enabled", "istio.io/rev": null }, from: { revision: "default", deploymentUid: "u2" }, state: "open",
}; // biome-ignore format: one line of fields

const text = fc.string({ minLength: 1 });
const label = fc.option(fc.string(), { nil: null });
const records: fc.Arbitrary<UndoRecord> = fc.record({
  version: fc.constant(1 as const), run: text, target: fc.record({ label: text, revision: text, tag: fc.option(text, { nil: undefined }) }, { noNullPrototype: true }), stamp: text, namespaceUid: text,
  before: fc.record({ "istio-injection": label, "istio.io/rev": label }, { noNullPrototype: true }), from: fc.record({ revision: text, deploymentUid: fc.option(text, { nil: undefined }) }, { noNullPrototype: true }), state: fc.constantFrom("open" as const, "done" as const),
}, { noNullPrototype: true }); // biome-ignore format: a table

test("a record is read as it was written, absent and empty labels told apart", () => {
  fc.assert(fc.property(records, (written) => assert.deepEqual(parseUndoRecord(undoText(written)), written)));
});

test("any text is a record or malformed, never an error", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (any) => assert.ok(isMalformed(parseUndoRecord(any)))));
});

test("a record without any one of its fields is malformed", () => {
  for (const field of Object.keys(record)) {
    const { [field as keyof UndoRecord]: _, ...rest } = record;
    assert.ok(isMalformed(parseUndoRecord(JSON.stringify(rest))), field);
  }
});

const damaged: readonly (readonly [change: object, malformed: string])[] = [
  [{ version: undefined }, "it has no version"],
  [{ version: "1" }, "it has no version"],
  [{ run: "" }, "its run, stamp or namespaceUid is missing"],
  [{ target: { label: "prod", tag: "prod" } }, "its target is incomplete"],
  [{ target: { revision: "1-20" } }, "its target is incomplete"],
  [{ target: { ...record.target, tag: 1 } }, "its target is incomplete"],
  [{ before: { "istio.io/rev": null } }, "its before is incomplete"],
  [{ before: { "istio-injection": 1, "istio.io/rev": null } }, "its before is incomplete"],
  [{ from: { deploymentUid: "u2" } }, "its from is incomplete"],
  [{ from: { revision: "default", deploymentUid: 1 } }, "its from is incomplete"],
  [{ from: null }, "its from is incomplete"],
]; // biome-ignore format: a table

for (const [change, malformed] of damaged) {
  test(`a record with ${JSON.stringify(change)} is malformed`, () => {
    assert.deepEqual(parseUndoRecord(JSON.stringify({ ...record, ...change })), { malformed });
  });
}

test("a record of a later form is not guessed at, and unknown fields of this form do no harm", () => {
  assert.deepEqual(parseUndoRecord(JSON.stringify({ ...record, version: 2 })), {
    malformed: "it is of form 2, and this release knows form 1",
  });
  assert.deepEqual(parseUndoRecord(JSON.stringify({ ...record, more: 1 })), record);
});

const ref = (kind: string, name: string) => ({ kind, namespace: "production", name });
const was = { "istio-injection": "enabled", "istio.io/rev": null };

test("the command that goes back is the one a person would type", () => {
  const back = [{ namespace: "production", labels: was, restart: [ref("Deployment", "a"), ref("StatefulSet", "b")] }];
  assert.equal(
    goBackCommand(back, []),
    "kubectl label namespace production istio-injection=enabled istio.io/rev- --overwrite && kubectl -n production rollout restart deployment/a statefulset/b",
  );
});

test("labels go back in every namespace before anything restarts, with the flags that were given", () => {
  const back = ["one", "two"].map((namespace) => ({
    namespace,
    labels: { "istio-injection": null, "istio.io/rev": "1-19" },
    restart: [ref("DaemonSet", "d")],
  }));
  assert.equal(
    goBackCommand(back, ["--context", "my cluster"]),
    [
      "kubectl --context 'my cluster' label namespace one istio-injection- istio.io/rev=1-19 --overwrite",
      "kubectl --context 'my cluster' label namespace two istio-injection- istio.io/rev=1-19 --overwrite",
      "kubectl --context 'my cluster' -n one rollout restart daemonset/d",
      "kubectl --context 'my cluster' -n two rollout restart daemonset/d",
    ].join(" && "),
  );
});

test("an empty label goes back as an empty one, and nothing to put back is no command", () => {
  assert.match(
    goBackCommand([{ namespace: "n", labels: { "istio-injection": "", "istio.io/rev": null }, restart: [] }], []) ?? "",
    /istio-injection= istio.io\/rev- --overwrite$/,
  );
  assert.equal(goBackCommand([], []), undefined);
});

test("an Argo Rollout goes back by a patch with the time at which the command is run", () => {
  const command = goBackCommand([{ namespace: "n", labels: was, restart: [ref("Rollout", "shop")] }], []) ?? "";
  const patch = command.split(" && ").at(1) ?? "";
  assert.match(patch, /^kubectl -n n patch rollouts.argoproj.io shop --type merge -p /);
  const body = sh(`printf %s ${patch.slice(patch.indexOf("-p ") + 3)}`);
  assert.match(
    (JSON.parse(body) as { spec: { restartAt: string } }).spec.restartAt,
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  );
});

test("the command that goes on repeats the request", () => {
  const wish = request({
    to: "120",
    namespaces: ["one", "two"],
    selector: "app in (a,b)",
    leave: ["*/po/*"],
    allowDowntime: ["sts/db"],
    skipCheck: ["quota"],
    from: "1-19",
  });
  assert.equal(
    goOnCommand(wish, ["--kubeconfig", "it's"], ["--leave", "deploy/web"]),
    `kubectl mesh-migrate --kubeconfig 'it'\\''s' -n one,two --to 120 --from 1-19 -l 'app in (a,b)' --leave '*/po/*' --allow-downtime sts/db --skip-check quota --leave deploy/web`,
  );
  assert.equal(goOnCommand(request({ namespaces: "all" }), []), "kubectl mesh-migrate -A --to 1-20");
});

test("a shell reads every word as it was", () => {
  const odd = ["", " ", "it's", "$HOME", "`id`", "a\nb", "*", "~", "!", "a&&b", "\\", '"', "#x", "ä"];
  assert.equal(sh(`printf '%s\\0' ${odd.map(shellWord).join(" ")}`), odd.map((word) => `${word}\0`).join(""));
});

const sh = (script: string): string => execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" });
