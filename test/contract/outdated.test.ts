/**
 * An istiod that was upgraded in place: under the same revision it injects a newer proxy, and pods keep the old one until
 * they are replaced: Azure's istio-upgrade.md, istio/istio#41354, #51930,
 * istio/istio#60486 (a patch whose proxies must be caught up, or they reject their listeners) and #8842 (a
 * template that pins an older proxy). The new patch is what the values of the injector say, as an upgrade writes them.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { carriedOut, interruptedAt, migrate, settled, writesTo } from "./migrations.ts";
import { openMesh } from "./open-mesh.ts";
import { appOf, assertArrived, documentOf, labelsOf, recordOf, templatesOf, uidsOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { "1-20": "1.20.0", "1-28": "1.28.2" } });
});
after(() => mesh?.[Symbol.asyncDispose]());

const versionsOf = async (namespace: string): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries(
    (await mesh.pods(namespace)).map((pod) => [
      appOf(pod),
      [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
        .find(({ name }: Json) => name === "istio-proxy")
        .image.split(":")
        .at(-1),
    ]),
  );

/** The injector of 1-20 gets another tag; settles when a new pod gets it. */
const upgradeInPlace = async (tag: string): Promise<void> => {
  const path = "/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector-1-20";
  const values = JSON.parse((await mesh.api.get(path)).data.values);
  const changed = { ...values, global: { ...values.global, tag } };
  await mesh.api.merge(path, { data: { values: JSON.stringify(changed) } });
  const spec = { containers: [{ name: "app", image: "app" }] };
  const labels = { "sidecar.istio.io/inject": "true", "istio.io/rev": "1-20" };
  await mesh.eventually(`new pods to have ${tag}`, async () => {
    const pod = await mesh.api.post("/api/v1/namespaces/default/pods?dryRun=All", {
      ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "trial", labels }, spec },
    });
    return JSON.stringify(pod.spec).includes(`proxyv2:${tag}`);
  });
};

const onRevision = { "istio.io/rev": "1-20" };
const pinned = { annotations: { "sidecar.istio.io/proxyImage": "docker.io/istio/proxyv2:1.20.0" } };

describe("an istiod that was upgraded in place", () => {
  test("is caught up with, and only what is older is restarted", async (t) => {
    const namespace = await settled(
      mesh,
      (namespace) => [
        deployment({ namespace, name: "web", replicas: 3 }),
        statefulSet({ namespace, name: "db", replicas: 2 }),
        deployment({ namespace, name: "pinned", ...pinned }),
      ],
      onRevision,
    );
    const healthy = await mesh.run("mesh-revisions", ["-n", namespace]);
    assert.doesNotMatch(healthy.stdout, /proxy-outdated/);

    await upgradeInPlace("1.20.8");
    await mesh.apply([deployment({ namespace, name: "new", replicas: 1 })]);
    await mesh.waitReady(namespace);

    await t.test("mesh-revisions names it, and the command", async () => {
      const { stdout } = await mesh.run("mesh-revisions", ["-n", namespace]);
      assert.match(stdout, /5 pods of .* run 1\.20\.0; their revision 1-20 injects 1\.20\.8 \[proxy-outdated\]/);
      assert.match(stdout, new RegExp(`→ kubectl mesh-migrate -n ${namespace} --to 1-20 --outdated$`, "m"));
      const document = JSON.parse((await mesh.run("mesh-revisions", ["-n", namespace, "-o", "json"])).stdout);
      const [entry] = document.namespaces;
      assert.deepEqual([entry.pods.outdated, entry.pods.outdatedUnknown, entry.pods.stale], [5, 0, 0]);
      assert.equal(document.revisions.find(({ revision }: Json) => revision === "1-20").injectsVersion, "1.20.8");
      const overview = JSON.parse((await mesh.run("mesh-revisions", ["-o", "json"])).stdout);
      assert.equal(overview.namespaces.find(({ name }: Json) => name === namespace).pods.outdated, 5);
    });

    await t.test("without --outdated there is nothing to do, and a word about it", async () => {
      const since = mesh.now();
      const { code, stdout } = await migrate(mesh, namespace, "1-20");
      assert.equal(code, 0, stdout);
      assert.match(stdout, /2 workloads on 1-20 already run an older proxy than the 1\.20\.8 that it injects/);
      assert.match(stdout, /--outdated/);
      assert.deepEqual(await writesTo(mesh, namespace, since), []);
    });

    await t.test("a dry run says what would be", async () => {
      const { stdout } = await migrate(mesh, namespace, "1-20", ["--outdated", "--dry-run=server"]);
      assert.match(stdout, /would restart 2 workloads \(5 pods\) .*\(proxies of 1\.20\.0 become 1\.20\.8\)/);
    });

    await t.test("--outdated restarts exactly these", async () => {
      const [since, kept] = [
        mesh.now(),
        await uidsOf(mesh, namespace, (pod) => ["new", "pinned"].includes(appOf(pod))),
      ];
      const document = documentOf(await migrate(mesh, namespace, "1-20", ["--outdated", "-o", "json"]));
      assert.deepEqual([document.state, document.goBack], ["done", null], JSON.stringify(document, undefined, 2));
      assert.deepEqual(await versionsOf(namespace), { web: "1.20.8", db: "1.20.8", new: "1.20.8", pinned: "1.20.0" });
      assert.deepEqual(document.versions?.from, ["1.20.0"]);
      assert.deepEqual(await uidsOf(mesh, namespace, (pod) => ["new", "pinned"].includes(appOf(pod))), kept);
      assert.deepEqual((await writesTo(mesh, namespace, since)).toSorted(), [
        "patch deployments/web",
        "patch statefulsets/db",
      ]);
      assert.deepEqual([await labelsOf(mesh, namespace), await recordOf(mesh, namespace)], [onRevision, undefined]);
      await assertArrived(mesh, namespace, "1-20");
    });

    await t.test("there is nothing to go back to, and it says so", async () => {
      const [since, templates] = [mesh.now(), await templatesOf(mesh, namespace)];
      const { code, stdout, stderr } = await mesh.run("mesh-rollback", ["-n", namespace]);
      assert.equal(code, 0, stderr);
      assert.match(
        stdout + stderr,
        /nothing to put back: its run \w+ replaced older proxies by newer ones of revision 1-20/,
      );
      assert.deepEqual(await templatesOf(mesh, namespace), templates);
      assert.deepEqual(await writesTo(mesh, namespace, since), []);
    });

    await t.test("again: nothing to do", async () => {
      const { code, stdout } = await migrate(mesh, namespace, "1-20", ["--outdated"]);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /^nothing to do: /m);
    });
  });

  test("a canary that fails is put back: the pods that were there go on, and the namespace keeps its labels", async () => {
    await upgradeInPlace("1.20.8");
    await mesh.setTag("prod", "1-20");
    const labels = { "istio.io/rev": "prod" };
    const slow = (namespace: string) => [deployment({ namespace, name: "web", replicas: 2, readyAfter: 15_000 })];
    const namespace = await settled(mesh, slow, labels);
    const before = await uidsOf(mesh, namespace);
    await upgradeInPlace("1.20.9");
    const args = ["--outdated", "--workload-timeout", "5s", "-o", "json"];
    const document = documentOf(await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20", ...args]));
    assert.deepEqual([document.state, document.goBack], ["restored", null], JSON.stringify(document, undefined, 2));
    const old = await mesh.eventually("the new pod to be gone", async () => {
      const uids = await uidsOf(mesh, namespace);
      return uids.length === before.length && uids;
    });
    assert.deepEqual(old, before);
    assert.deepEqual([await labelsOf(mesh, namespace), await recordOf(mesh, namespace)], [labels, undefined]);
  });

  test("what was interrupted is gone on with: one rollout each", async () => {
    await upgradeInPlace("1.20.10");
    const namespace = await settled(
      mesh,
      (namespace) => ["a", "b"].map((name) => deployment({ namespace, name, replicas: 2, readyAfter: 2_000 })),
      onRevision,
    );
    await upgradeInPlace("1.20.11");
    const stopped = interruptedAt(/Deployment\/a: /);
    const first = await migrate(mesh, namespace, "1-20", ["--outdated"], stopped);
    assert.equal(first.code, 130, first.stderr);
    const again = await migrate(mesh, namespace, "1-20", ["--outdated"]);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(await versionsOf(namespace), { a: "1.20.11", b: "1.20.11" });
    assert.deepEqual(await templatesOf(mesh, namespace), { "Deployment/a": 2, "Deployment/b": 2 });
  });
});

test("a target that injects proxies of another release is not done without a word (istio/istio#51930)", async () => {
  const namespace = await settled(mesh, (namespace) => [deployment({ namespace, name: "web", replicas: 2 })], {
    "istio.io/rev": "1-28",
  });
  await upgradeInPlace("1.19.5");
  const preflight = await mesh.run("mesh-preflight", ["-n", namespace, "--to", "1-20", "--check", "injected-release"]);
  assert.match(preflight.stdout, /it injects proxies of 1\.19\.5, and its istiod is 1\.20\.0/);
  const document = documentOf(await migrate(mesh, namespace, "1-20", ["-o", "json"]));
  assert.deepEqual(document.versions, {
    ...{ istiod: "1.20.0", injects: "1.19.5", from: [] },
    proven: [{ version: "1.19.5", pods: 2 }],
  });
  assert.ok(document.findings.some(({ check }) => check === "versions-proven"));
  const { stdout } = await carriedOut(mesh, `kubectl mesh-rollback -n ${namespace}`);
  assert.match(stdout, /1-28/);
});
