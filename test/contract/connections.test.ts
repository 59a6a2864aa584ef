/**
 * What each istiod tells of its proxies (`/debug/syncz`, `/debug/connections`, istio-facts.md §6 and §14), and which
 * proxy is where, while pods come and go, and istiods stop, start, scale and lose a tag. The pages are read as text, by
 * a client that is not ours.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deployment, gateway, statefulSet } from "../fixtures/workload-objects.ts";
import { askPod, type PodAnswer } from "./ask-pod.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { openMesh } from "./open-mesh.ts";
import { isGoing, isReady } from "./recording.ts";

const releases = { default: "1.19.0", "1-20": "1.20.0", "1-28": "1.28.2", "1-29": "1.29.1" } as const;
const revisions = Object.entries(releases);
const isModern = (revision: string): boolean => ["1-28", "1-29"].includes(revision);

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: releases });
});
after(() => mesh?.[Symbol.asyncDispose]());

const istiodsOf = async (revision: string): Promise<readonly Json[]> =>
  (await mesh.pods("istio-system")).filter(
    ({ metadata }) =>
      metadata.labels.app === "istiod" && metadata.labels["istio.io/rev"] === revision && !metadata.deletionTimestamp,
  );
const ask = (istiod: Json, path: string): Promise<PodAnswer> =>
  mesh.during(askPod(mesh.kubeconfig, istiod.metadata, 15014, path));
const listed = async (istiod: Json, path: string): Promise<Json> => JSON.parse((await ask(istiod, path)).body);

interface Held {
  readonly istiod: string;
  readonly cds: boolean;
  readonly lds: boolean;
  readonly connectedAt: number;
}

/** Who holds the proxies of a namespace, by pod: every istiod of the revision is asked for both pages. */
async function heldBy(revision: string, namespace: string): Promise<ReadonlyMap<string, readonly Held[]>> {
  const all: [string, Held][] = [];
  for (const istiod of await istiodsOf(revision)) {
    const { clients = [] } = await listed(istiod, "/debug/connections");
    for (const entry of await listed(istiod, "/debug/syncz")) {
      const [, pod = "", its] = /^(.*)\.([^.]+)$/.exec(entry.proxy) ?? [];
      if (its !== namespace) continue;
      const times = clients
        .filter(({ connectionId }: Json) => connectionId.replace(/-\d+$/, "") === entry.proxy)
        .map(({ connectedAt }: Json) => Date.parse(connectedAt));
      const isSynced = (prefix: string): boolean =>
        entry[`${prefix}_sent`] !== undefined && entry[`${prefix}_sent`] === entry[`${prefix}_acked`];
      all.push([
        pod,
        {
          istiod: istiod.metadata.name,
          cds: isSynced("cluster"),
          lds: isSynced("listener"),
          connectedAt: Math.max(...times),
        },
      ]);
    }
  }
  return new Map([...Map.groupBy(all, ([pod]) => pod)].map(([pod, each]) => [pod, each.map(([, held]) => held)]));
}

const namesOf = (pods: readonly Json[]): readonly string[] => pods.map(({ metadata }) => metadata.name).toSorted();
/**
 * Waits until each pod of the namespace, and nobody else of it, is held in sync by exactly one istiod of the revision.
 */
const allHeld = (revision: string, namespace: string): Promise<ReadonlyMap<string, Held>> =>
  mesh.eventually(`every proxy of ${namespace} to be held by ${revision}`, async () => {
    const [held, pods] = [await heldBy(revision, namespace), await mesh.pods(namespace)];
    const each = [...held].map(([pod, entries]): [string, Held | undefined] => [
      pod,
      entries.length === 1 ? entries[0] : undefined,
    ]);
    // Who came between the two pages has no time of connection yet.
    const isWhole = (one: Held | undefined): one is Held =>
      one?.cds === true && one.lds && Number.isFinite(one.connectedAt);
    const good = each.filter((one): one is [string, Held] => isWhole(one[1]));
    return (
      good.length === held.size &&
      JSON.stringify(good.map(([pod]) => pod).toSorted()) === JSON.stringify(namesOf(pods)) &&
      new Map(good)
    );
  });
const nobodyHeld = async (revision: string, namespace: string): Promise<boolean> =>
  (await heldBy(revision, namespace)).size === 0;

async function settled(label: string, ...make: readonly ((namespace: string) => object)[]): Promise<string> {
  const namespace = await mesh.createNamespace({ "istio.io/rev": label });
  await mesh.apply(make.map((each) => each(namespace)));
  await mesh.waitReady(namespace);
  return namespace;
}
const web =
  (replicas = 2, extra: object = {}) =>
  (namespace: string): object =>
    deployment({ namespace, name: "web", replicas, ...extra });

test("an istiod without proxies", async () => {
  for (const [revision, version] of revisions) {
    const [istiod] = await istiodsOf(revision);
    const answer = async (path: string) => Object.values(await ask(istiod, path));
    assert.deepEqual(await answer("/debug/syncz"), [200, "application/json", "[]"]);
    assert.deepEqual(await answer("/debug/connections"), [200, "application/json", '{"totalClients":0}']);
    const [status, type, body] = await answer("/version");
    assert.deepEqual([status, type], [200, "text/plain; charset=utf-8"]);
    assert.match(String(body), new RegExp(`^${version.replaceAll(".", "\\.")}-\\S+-Clean$`));
    for (const path of ["/debug/nothing", "/ready"])
      assert.deepEqual(await answer(path), [404, "text/plain; charset=utf-8", "404 page not found\n"], path);
  }
});

for (const [revision, version] of revisions)
  test(`the pages of ${version}: sidecars, a gateway, and one that rejects its listeners`, async () => {
    const namespace = await settled(revision, web(1), (namespace) => gateway({ namespace, name: "gate", replicas: 1 }));
    await mesh.apply([
      deployment({ namespace, name: "nack", replicas: 1, life: "nack" }),
      deployment({ namespace, name: "none", replicas: 1, life: "no-istiod" }),
    ]);
    const [istiod] = await istiodsOf(revision);
    const mine = (entries: readonly Json[]) =>
      entries.filter(({ proxy }) => proxy.endsWith(`.${namespace}`)).toSorted((a, b) => (a.proxy < b.proxy ? -1 : 1));
    const uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    const nonce = new RegExp(
      isModern(revision) ? `^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ/\\d+${uuid}$` : `^${uuid}$`,
    );
    const nanos = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z$/;
    const entries = await mesh.eventually("three proxies with an answer to their listeners", async () => {
      const found = mine(await listed(istiod, "/debug/syncz"));
      const rejected = found.find(({ proxy }) => proxy.startsWith("nack-"));
      return (
        found.length === 3 &&
        found.every((each) => each.cluster_acked && (each === rejected || each.listener_acked)) &&
        (!isModern(revision) || JSON.stringify(rejected).includes("lastError")) &&
        found
      );
    });
    assert.deepEqual(
      entries.map(({ proxy, proxy_type, istio_version, cluster_id }: Json) => [
        proxy.split("-")[0],
        proxy_type,
        istio_version,
        cluster_id,
      ]),
      [
        ["gate", "router", version, "Kubernetes"],
        ["nack", "sidecar", version, "Kubernetes"],
        ["web", "sidecar", version, "Kubernetes"],
      ],
    );
    const [clusters, listeners] = ["cluster.v3.Cluster", "listener.v3.Listener"].map(
      (type) => `type.googleapis.com/envoy.config.${type}`,
    ) as [string, string];
    const pods = await mesh.pods(namespace);
    for (const entry of entries) {
      const rejects = entry.proxy.startsWith("nack-");
      assert.ok(pods.some(({ metadata }) => entry.proxy === `${metadata.name}.${namespace}`));
      const { cluster_sent, cluster_acked, listener_sent, listener_acked, resources } = entry;
      const fields = [
        "cluster_acked",
        "cluster_id",
        "cluster_sent",
        "istio_version",
        "listener_acked",
        "listener_sent",
        "proxy",
        "proxy_type",
        "resources",
      ];
      const expected = fields.filter(
        (field) => (field !== "resources" || isModern(revision)) && (field !== "listener_acked" || !rejects),
      );
      assert.deepEqual(Object.keys(entry).toSorted(), expected);
      for (const each of [cluster_sent, listener_sent]) assert.match(each, nonce);
      assert.deepEqual([cluster_acked, listener_acked], [cluster_sent, rejects ? undefined : listener_sent]);
      if (!isModern(revision)) continue;
      assert.deepEqual(Object.keys(resources).toSorted(), [clusters, listeners]);
      const { sentTime: first, ...cds } = resources[clusters];
      const { sentTime: second, ...lds } = resources[listeners];
      for (const time of [first, second]) assert.match(time, nanos);
      assert.deepEqual(cds, { sent: cluster_sent, acked: cluster_sent });
      const lastError = "Error adding/updating listener(s) virtualInbound: unknown extension";
      assert.deepEqual(
        lds,
        rejects ? { sent: listener_sent, lastError } : { sent: listener_sent, acked: listener_sent },
      );
    }
    const connections = await listed(istiod, "/debug/connections");
    assert.deepEqual(Object.keys(connections), ["totalClients", "clients"]);
    assert.equal(connections.totalClients, connections.clients.length);
    const own = connections.clients.filter(({ connectionId }: Json) => connectionId.includes(`.${namespace}-`));
    assert.deepEqual(
      own.map(({ connectionId }: Json) => connectionId.replace(/-\d+$/, "")).toSorted(),
      entries.map(({ proxy }: Json) => proxy),
    );
    for (const { connectedAt, address, ...rest } of own) {
      assert.match(connectedAt, nanos);
      assert.match(address, /^[\d.]+:\d+$/);
      assert.deepEqual(Object.keys(rest), isModern(revision) ? ["connectionId"] : ["connectionId", "labels"]);
    }
    for (const [other] of revisions)
      if (other !== revision) assert.ok(await nobodyHeld(other, namespace), `${other} holds one of them`);
  });

test("a pod that is ready is held in sync; a terminating one is held until it is gone", async () => {
  const namespace = await settled("1-20", web(2, { readyAfter: 500, terminateAfter: 3000 }));
  const held = await heldBy("1-20", namespace);
  const pods = await mesh.pods(namespace);
  assert.deepEqual([...held.keys()].toSorted(), namesOf(pods));
  assert.deepEqual(
    [...held.values()].map((each) => each.map(({ cds, lds }) => [cds, lds])),
    Array(2).fill([[true, true]]),
  );
  for (const { metadata, status } of pods) {
    const [{ connectedAt } = { connectedAt: 0 }] = held.get(metadata.name) ?? [];
    assert.ok(
      connectedAt >= Date.parse(metadata.creationTimestamp) &&
        connectedAt <=
          Date.parse(status.conditions.find(({ type }: Json) => type === "Ready").lastTransitionTime) + 1000,
    );
  }
  const [victim] = pods;
  await mesh.api.delete(`/api/v1/namespaces/${namespace}/pods/${victim.metadata.name}`);
  const [going] = (await mesh.pods(namespace)).filter(isGoing);
  assert.ok(isReady(going));
  assert.deepEqual(
    (await heldBy("1-20", namespace)).get(victim.metadata.name),
    held.get(victim.metadata.name),
    "the same connection",
  );
  await mesh.eventually("the pod to be gone", async () =>
    (await mesh.pods(namespace)).every(({ metadata }) => metadata.uid !== victim.metadata.uid),
  );
  await mesh.eventually(
    "its proxy to be gone",
    async () => !(await heldBy("1-20", namespace)).has(victim.metadata.name),
    3,
  );
  await allHeld("1-20", namespace);
});

test("a StatefulSet's pod comes back under its name with a newer connection, to the istiod that injected it", async () => {
  const namespace = await settled("1-28", (namespace) => statefulSet({ namespace, name: "db", replicas: 1 }));
  const before = (await allHeld("1-28", namespace)).get("db-0") as Held;
  await mesh.api.merge(`/api/v1/namespaces/${namespace}`, { metadata: { labels: { "istio.io/rev": "1-29" } } });
  assert.deepEqual((await allHeld("1-28", namespace)).get("db-0"), before, "a label alone moves nobody");
  await mesh.pass(1000);
  await mesh.api.delete(`/api/v1/namespaces/${namespace}/pods/db-0`);
  const later = (await allHeld("1-29", namespace)).get("db-0") as Held;
  const [pod] = await mesh.pods(namespace);
  assert.ok(later.connectedAt > before.connectedAt && later.connectedAt >= Date.parse(pod.status.startTime));
  await mesh.eventually("the old istiod to have let go", () => nobodyHeld("1-28", namespace));
});

test("two istiods of a revision: each proxy is with one of them, and with the other once that is gone", async () => {
  const namespace = await settled("1-20", web(16));
  const alone = await allHeld("1-20", namespace);
  await mesh.scaleIstiod("1-20", 2);
  assert.deepEqual(await allHeld("1-20", namespace), alone, "nobody moves by itself");
  await mesh.api.merge(`/apis/apps/v1/namespaces/${namespace}/deployments/web`, {
    spec: { template: { metadata: { annotations: { again: "yes" } } } },
  });
  await mesh.waitReady(namespace);
  await mesh.eventually("old pods to be gone", async () => (await mesh.pods(namespace)).length === 16);
  const both = await allHeld("1-20", namespace);
  assert.equal(new Set([...both.values()].map(({ istiod }) => istiod)).size, 2, "some with each");
  const first = [...alone.values()][0]?.istiod as string;
  const now = mesh.now().getTime();
  await mesh.api.delete(`/api/v1/namespaces/istio-system/pods/${first}`);
  await mesh.eventually("another istiod in its place", async () => {
    const pods = await istiodsOf("1-20");
    return pods.length === 2 && pods.every((pod) => isReady(pod) && pod.metadata.name !== first);
  });
  const after = await allHeld("1-20", namespace);
  for (const [pod, held] of after) {
    const earlier = both.get(pod) as Held;
    if (earlier.istiod === first)
      assert.ok(
        held.istiod !== first && held.connectedAt >= now - 1000,
        "who was with the one that is gone has come back",
      );
    else assert.deepEqual(held, earlier, "who was with the other stayed");
  }
  await mesh.scaleIstiod("1-20", 1);
  await allHeld("1-20", namespace);
});

test("no istiod at all, then one: everybody comes back", async () => {
  const namespace = await settled("1-29", web());
  const before = await allHeld("1-29", namespace);
  await mesh.scaleIstiod("1-29", 0);
  assert.deepEqual(await istiodsOf("1-29"), []);
  assert.ok((await mesh.pods(namespace)).every(isReady), "the data plane goes on");
  await mesh.scaleIstiod("1-29", 1);
  for (const [pod, { istiod, connectedAt }] of await allHeld("1-29", namespace))
    assert.ok(istiod !== before.get(pod)?.istiod && connectedAt > (before.get(pod)?.connectedAt ?? 0));
});

for (const how of ["unready", "unnoticed", "frozen"] as const)
  test(`an istiod that is stopped, ${how}`, async () => {
    const namespace = await settled("1-20", web());
    const before = await allHeld("1-20", namespace);
    const [istiod] = await istiodsOf("1-20");
    await mesh.stopIstiod("1-20", how);
    const [pod] = await istiodsOf("1-20");
    assert.deepEqual([pod.metadata.name, isReady(pod)], [istiod.metadata.name, how !== "unready"]);
    const { items } = await mesh.api.get(
      "/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Distiod-1-20",
    );
    assert.deepEqual(
      items[0].endpoints.map(({ conditions }: Json) => conditions.ready),
      [how !== "unready"],
    );

    const giveUp = new AbortController();
    const said = mesh
      .during(askPod(mesh.kubeconfig, pod.metadata, 15014, "/debug/syncz", giveUp.signal))
      .catch(({ message }: Error) => message);
    const first = await Promise.race([said, mesh.pass(3000).then(() => "silence")]);
    giveUp.abort();
    // The API server may close the tunnel before it passes on what the kubelet said.
    const refusal = /error.* forwarding port 15014 to pod .*connection refused$|^the tunnel ended without an answer$/;
    assert.match(String(first), how === "frozen" ? /^silence$/ : refusal);
    assert.ok((await mesh.pods(namespace)).every(isReady), "the data plane goes on");

    await mesh.startIstiod("1-20");
    for (const [name, held] of await allHeld("1-20", namespace)) {
      if (how === "frozen") assert.deepEqual(held, before.get(name), "the connection was never broken");
      else
        assert.ok(held.istiod === before.get(name)?.istiod && held.connectedAt > (before.get(name)?.connectedAt ?? 0));
    }
  });

test("a tag that moves: who is there stays where it is, who comes goes where the tag points", async () => {
  await mesh.setTag("prod", "1-28");
  const namespace = await settled("prod", web());
  const before = await allHeld("1-28", namespace);
  await mesh.setTag("prod", "1-29");
  await mesh.pass(1000);
  assert.deepEqual(await allHeld("1-28", namespace), before);
  await mesh.api.delete(`/api/v1/namespaces/${namespace}/pods/${[...before.keys()][0]}`);
  await mesh.eventually(
    "one with each",
    async () => (await heldBy("1-28", namespace)).size === 1 && (await heldBy("1-29", namespace)).size === 1,
  );
});
