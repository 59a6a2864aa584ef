/** The table of all checks: their ids, their documentation, and that nothing is said under another id. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { readClusterEvidence } from "../../../src/gather/read-evidence.ts";
import { allChecks } from "../../../src/upgrade/checks/all-checks.ts";
import { type CheckRecord, pageOf } from "../../../src/upgrade/checks/check.ts";
import { migrationChecks } from "../../../src/upgrade/checks/move/migration-checks.ts";
import * as single from "../../../src/upgrade/checks/single-checks.ts";
import { requestText } from "../../fixtures/fake-cluster.ts";
import { listedCluster } from "../../fixtures/listed-cluster.ts";
import { mission } from "../../fixtures/plan.ts";

const ids: readonly string[] = allChecks.map(({ id }) => id);

test("ids and titles are unique, and ids are kebab-case", () => {
  assert.deepEqual([...new Set(ids)], ids);
  assert.equal(new Set(allChecks.map(({ title }) => title)).size, allChecks.length);
  assert.deepEqual(
    ids.filter((id) => !/^[a-z]+(-[a-z]+)*$/.test(id)),
    [],
  );
});

test("every record of a check that runs alone is in its list", () => {
  const { singleChecks, ...records } = single;
  assert.deepEqual(new Set(Object.values(records)), new Set(singleChecks));
});

/** Of a file of ours, every id of a check that is written down in it. */
const idsIn = (path: string): readonly string[] =>
  [...readFileSync(path, "utf8").matchAll(/\b(?:id|check): "([^"]*)"/g)].flatMap(([, id]) => id ?? []);

test("every id that is written down in the source is in the table, and in one record", () => {
  const records = globSync("src/upgrade/checks/**/*.ts").flatMap(idsIn);
  assert.deepEqual([...new Set(records)], records);
  assert.ok(records.length > 50, `${records.length}`);
  const all = globSync("src/**/*.ts").flatMap(idsIn);
  assert.deepEqual(
    all.filter((id) => !ids.includes(id)),
    [],
  );
});

test("what could not be read is missed by a check of the migration", async () => {
  const objects = {
    configmaps: [],
    resourcequotas: [{ metadata: { name: "team", uid: "u", namespace: "production" }, spec: { hard: { pods: "9" } } }],
  };
  const cluster = listedCluster({ objects });
  await readClusterEvidence(cluster, mission(), ["production"]);
  const requests = cluster.requests.map(requestText);
  const missed = await Promise.all(
    requests.map(async (request) => {
      const failing = listedCluster({ objects, failures: { [request]: "forbidden" } });
      return (await readClusterEvidence(failing, mission(), ["production"])).unknown;
    }),
  );
  assert.ok(requests.length > 12, requests.join(", "));
  for (const [at, unknown] of missed.entries()) assert.ok(unknown.length > 0, `${requests[at]} is missed by nobody`);
  for (const { check, essential } of missed.flat()) {
    const record = migrationChecks.find(({ id }): boolean => id === check);
    assert.ok(record !== undefined, check);
    if (essential) assert.ok(record.accepts?.includes("--skip-check"), `${check} offers --skip-check`);
  }
});

interface Section {
  readonly heading: string;
  readonly text: string;
}

const sections: ReadonlyMap<string, readonly Section[]> = new Map(
  globSync("docs/checks/*.md").map((path) => [
    basename(path),
    readFileSync(path, "utf8")
      .split(/^## /m)
      .slice(1)
      .map((section) => ({
        heading: section.split("\n", 1)[0] ?? "",
        text: section.replaceAll(/\s+/g, " "),
      })),
  ]),
);

test("every check has its section, in the order of the table, and no section is without a check", () => {
  for (const [page, found] of sections)
    assert.deepEqual(
      found.map(({ heading }) => `docs/checks/${page}#${heading}`),
      allChecks.map(pageOf).filter((link) => link.startsWith(`docs/checks/${page}#`)),
    );
  assert.deepEqual(
    allChecks.map(pageOf).filter((link) => !sections.has(basename(link.split("#", 1)[0] ?? ""))),
    [],
  );
});

/** How a section begins. */
const opening = ({ id, title, severity, accepts = [] }: CheckRecord): string => {
  const flags = accepts.length === 0 ? "" : ` Accepted by: ${accepts.map((flag) => `\`${flag}\``).join(" or ")}.`;
  return `${id} *${title}.* Severity: ${severity}.${flags} `;
};

test("a section says what the record says, what it means and how to fix it", () => {
  for (const record of allChecks) {
    const text = [...sections.values()].flat().find(({ heading }) => heading === record.id)?.text ?? "";
    const begins = opening(record);
    assert.equal(text.slice(0, begins.length).toLowerCase(), begins.toLowerCase());
    assert.match(text, / \*\*Fix\.\*\* ./, record.id);
  }
});
