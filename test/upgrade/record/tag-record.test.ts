import assert from "node:assert/strict";
import test from "node:test";
import { parseTagRecord, type TagRecord, tagRecordText } from "../../../src/upgrade/record/tag-record.ts";

const record: TagRecord = {
  version: 1,
  run: "3f9a1c22b07d",
  tag: "prod-stable",
  target: "1-20",
  from: { revision: "default", deploymentUid: "uid" },
  stamp: "2026-11-03T04:05:06Z",
  before: { labels: { "istio.io/rev": "default" }, webhooks: [{ name: "w", clientConfig: {} }] },
  after: { labels: { "istio.io/rev": "1-20" }, webhooks: [{ name: "w", clientConfig: {} }] },
  state: "open",
};

test("a record is read as it was written, also of an object that was not there", () => {
  assert.deepEqual(parseTagRecord(tagRecordText(record)), record);
  const service = { labels: {}, webhooks: undefined, service: { selector: { app: "istiod" }, ports: [{ port: 443 }] } };
  const created: TagRecord = { ...record, from: null, before: null, after: service };
  assert.deepEqual(parseTagRecord(tagRecordText(created)), created);
});

for (const [what, change] of [
  ["a later version", { version: 2 }],
  ["no run", { run: undefined }],
  ["a tag that is none", { tag: "a b; rm" }],
  ["a stamp that is no time", { stamp: "now" }],
  ["an unknown state", { state: "half" }],
  ["no parts", { after: undefined }],
  ["no word of what was before", { before: undefined }],
  ["labels that are none", { before: { labels: { a: 1 } } }],
  ["entries without a name", { after: { labels: {}, webhooks: [{ clientConfig: {} }] } }],
  ["ports that are none", { before: { labels: {}, service: { selector: {}, ports: ["443"] } } }],
  ["a revision that is none", { from: { revision: "" } }],
] as const)
  test(`not believed: ${what}`, () => {
    const text = JSON.stringify({ ...record, ...change });
    assert.ok("malformed" in parseTagRecord(text), text);
  });

test("not believed: no JSON", () => {
  assert.ok("malformed" in parseTagRecord("{"));
});
