/**
 * What people get wrong, and what clusters do to them: a sentence, a remedy and the exit code of the contract; nothing
 * changed, or what was changed said.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { revisionOf } from "../contract/verify-result.ts";
import { describeKubeconfigs } from "./bad-input/kubeconfigs.ts";
import { describeLabels } from "./bad-input/labels.ts";
import { describeNames } from "./bad-input/names.ts";
import { bootMesh, mesh } from "./bad-input/one-mesh.ts";
import { describeReaders } from "./bad-input/readers.ts";
import { describeRights } from "./bad-input/rights.ts";
import { describeServers, describeSlowServers } from "./bad-input/servers.ts";
import { describeTarget } from "./bad-input/target.ts";
import { isWrite, type Json } from "./kit.ts";

before(bootMesh);
after(() => mesh?.down());

// One of them waits idly for a minute.
describe("bad input", { concurrency: 2 }, () => {
  describeSlowServers();
  describe("the rest", () => {
    describeNames();
    describeLabels();
    describeReaders();
    describeServers();
    describeKubeconfigs();
    describeRights();
  });
});

describeTarget();

test("nothing was written anywhere but where something was moved, or put back", async () => {
  const entries = (await mesh.audit()).filter((entry) => entry.userAgent.startsWith("mesh-migrate/") && isWrite(entry));
  const written = new Set(
    entries.map(({ namespace, resource, name }) => (resource === "namespaces" ? name : namespace)),
  );
  const itemsAt = async (path: string): Promise<readonly Json[]> => (await mesh.api.get(path)).items;
  const restoring = encodeURIComponent("scenario in (late-label, restored)");
  const moved = (await itemsAt("/api/v1/pods")).filter((pod) => revisionOf(pod) === "1-20");
  const restored = (await itemsAt(`/api/v1/namespaces?labelSelector=${restoring}`)).map(
    ({ metadata }) => metadata.name,
  );
  const meant = new Set([...moved.map(({ metadata }) => metadata.namespace), ...restored]);
  assert.ok(meant.size > 0);
  assert.deepEqual(
    [...written].filter((name) => !meant.has(name)),
    [],
  );
});
