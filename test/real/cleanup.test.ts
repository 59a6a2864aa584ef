/**
 * The end of a control plane on a real mesh: the whole life of an upgrade with its removal, beside what
 * `istioctl uninstall` does on the same mesh, while a client creates a pod every 100 ms in a meshed namespace.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Analysis, analyzeMesh } from "../../src/cli/istioctl-analysis.ts";
import { deployment, statefulSet } from "../fixtures/workload-objects.ts";
import { eventually, type Json, type Mesh, upMesh } from "./kit.ts";
import { fileOf } from "./mesh/programs.ts";

/** A plugin's run that has to end like this. */
async function ends(mesh: Mesh, code: number, plugin: string, ...args: readonly string[]): Promise<string> {
  const result = await mesh.run(plugin, args);
  assert.equal(result.code, code, `${plugin} ${args.join(" ")}\n${result.stdout}${result.stderr}`);
  return result.stdout + result.stderr;
}

const removes = ["--soak", "0s", "--reason", "test", "--drain", "3s", "--yes"] as const;

async function meshed(mesh: Mesh, labels: Readonly<Record<string, string>>, name: string): Promise<string> {
  await mesh.createNamespace(labels, name);
  await mesh.apply([
    deployment({ namespace: name, name: "web", replicas: 2, readyAfter: [500, 1500] }),
    statefulSet({ namespace: name, name: "db", replicas: 2, readyAfter: [500, 1500] }),
  ]);
  await mesh.waitReady(name);
  return name;
}

const istioctlOf = (version: string): string => fileOf(`istio-${version}`, "bin/istioctl");

/** What the analysis after a removal makes of the mesh as it is. */
const analyzed = (mesh: Mesh, revision: string, version: string): Promise<Analysis> =>
  analyzeMesh(revision, {
    ...{ istioNamespace: "istio-system", flags: { kubeconfig: mesh.kubeconfig } },
    ...{ env: { ISTIOCTL: istioctlOf(version), HOME: mesh.dir }, signal: new AbortController().signal },
  });

/** Removes the revision, with this istioctl for the analysis afterwards, which must find nothing. */
async function removedAndAnalyzed(mesh: Mesh, revision: string, version: string): Promise<void> {
  const env = { ISTIOCTL: istioctlOf(version), HOME: mesh.dir };
  const args = ["--revision", revision, ...removes, "-o", "json"];
  const { code, stdout, stderr } = await mesh.run("mesh-cleanup", args, { env });
  assert.equal(code, 0, stdout + stderr);
  const { after }: Json = JSON.parse(stdout);
  assert.deepEqual(
    after.checks.map(({ state }: Json) => state),
    ["good", "good", "good", "good"],
    stdout,
  );
  assert.match(after.checks.at(-1).title, /istioctl analyze/);
  assert.match(after.checks.at(-1).evidence, /^\d+ messages?, none of them IST0139$/);
}

/** An injector of the removed revision, as an `istioctl uninstall` that was killed leaves it: its Service is gone. */
async function injectorLeft(mesh: Mesh, removed: string, living: string): Promise<Json> {
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector-${living}`;
  const { kind, apiVersion, metadata, webhooks } = await mesh.api.get(path);
  const text = JSON.stringify(webhooks).replaceAll(`istiod-${living}`, "istiod-gone").replaceAll(living, "gone");
  const labels = { ...metadata.labels, "istio.io/rev": removed };
  return { apiVersion, kind, metadata: { name: "istio-sidecar-injector-left", labels }, webhooks: JSON.parse(text) };
}

interface Tried {
  readonly injected: ReadonlyMap<string, number>;
  readonly notInjected: number;
  /** The API server's first words of each refusal. */
  readonly refused: readonly string[];
}

/** Creates a pod every 100 ms, by a dry run that admission takes for real, until what is given back is called. */
function creating(mesh: Mesh, namespace: string): () => Promise<Tried> {
  const injected = new Map<string, number>();
  const refused: string[] = [];
  let notInjected = 0;
  let going = true;
  const create = async (): Promise<void> => {
    const spec = { containers: [{ name: "app", image: "app:1" }] };
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "tried", labels: { app: "tried" } }, spec };
    try {
      const created = await mesh.api.post(`/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
      const revision: string | undefined = created.metadata.annotations?.["istio.io/rev"];
      if (revision === undefined) notInjected++;
      else injected.set(revision, (injected.get(revision) ?? 0) + 1);
    } catch (error) {
      refused.push((error as Error).message.slice(0, 300));
    }
  };
  const loop = (async () => {
    while (going) await Promise.all([create(), sleep(100)]);
  })();
  return async () => {
    going = false;
    await loop;
    return { injected, notInjected, refused };
  };
}

/** Kinds whose objects come and go by themselves. */
const passing =
  /^(events|events\.events\.k8s\.io|endpoints|endpointslices\.|pods|replicasets\.|controllerrevisions\.|podmetrics|componentstatuses|leases\.|ipaddresses\.|portforwards\.)/;

/** Every object of the API server but those that come and go, as `KIND NAMESPACE/NAME`. */
async function everything(mesh: Mesh): Promise<readonly string[]> {
  const resources = (await mesh.kubectl(["api-resources", "--verbs=list", "-o", "name"])).trim().split("\n");
  const names = resources.filter((name) => !passing.test(name)).join(",");
  const columns = "custom-columns=K:.kind,N:.metadata.namespace,M:.metadata.name";
  const text = await mesh.kubectl(["get", names, "-A", "-o", columns, "--no-headers"]);
  return [...new Set(text.trim().split("\n"))]
    .map((line) => line.split(/\s+/))
    .map(([kind, namespace, name]) => `${kind} ${namespace === "<none>" ? "" : `${namespace}/`}${name}`)
    .sort();
}

const gone = (before: readonly string[], after: readonly string[]): readonly string[] =>
  before.filter((each) => !after.includes(each));

/** Whether kubectl, istioctl and the API server agree that only `revision` is there, and that it works. */
async function soundWith(mesh: Mesh, version: string, revision: string): Promise<void> {
  // That of 1.19.0 has no versions of the mesh in its JSON.
  const client = version === "1.19.0" ? "1.20.0" : version;
  const { meshVersion } = JSON.parse(await mesh.istioctl(client, ["version", "-o", "json"]));
  assert.deepEqual(
    meshVersion.map((each: Json) => each.Info.version),
    [version],
  );
  const deployments = await mesh.api.get("/apis/apps/v1/deployments?labelSelector=app%3Distiod");
  assert.deepEqual(
    deployments.items.map((each: Json) => each.metadata.labels["istio.io/rev"]),
    [revision],
  );
  const analyzed: Json[] = JSON.parse(await mesh.istioctl(client, ["analyze", "-A", "-o", "json"])) ?? [];
  assert.deepEqual(
    analyzed.filter(({ level, code }) => level === "Error" || code === "IST0139"),
    [],
  );
  const authentication = { apiVersion: "security.istio.io/v1beta1", kind: "PeerAuthentication" };
  const tried = { ...authentication, metadata: { name: "tried", namespace: "production" }, spec: {} };
  const path = "/apis/security.istio.io/v1beta1/namespaces/production/peerauthentications?dryRun=All";
  // For a moment the API server may not serve a custom resource at all: 404, whoever is asked about the object.
  await eventually("an Istio object to be let in", () => mesh.api.post(path, tried), 10);
}

const lives = [
  {
    what: "1.19.0 without a revision → 1-20 of 1.20.0",
    revisions: { default: "1.19.0", "1-20": "1.20.0" },
    labels: { "istio-injection": "enabled" },
    ...{ from: "default", to: "1-20", version: "1.20.0" },
  },
  {
    what: "1-28 of 1.28.2 → 1-29 of 1.29.1",
    revisions: { "1-28": "1.28.2", "1-29": "1.29.1" },
    labels: { "istio.io/rev": "1-28" },
    ...{ from: "1-28", to: "1-29", version: "1.29.1" },
  },
] as const;

for (const { what, revisions, labels, from, to, version } of lives)
  test(`the whole life: ${what}`, async (t) => {
    await using mesh = await upMesh({ revisions });
    const namespace = await meshed(mesh, labels, "production");
    const inUse = await ends(mesh, 3, "mesh-cleanup", "--revision", from, ...removes);
    assert.match(inUse, /cleanup-namespaces/);
    await ends(mesh, 0, "mesh-migrate", "-n", namespace, "--to", to);
    const byDefault = await ends(mesh, 3, "mesh-cleanup", "--revision", from, ...removes);
    assert.match(byDefault, new RegExp(`kubectl mesh-migrate --tag default --to ${to}`));
    await ends(mesh, 0, "mesh-migrate", "--tag", "default", "--to", to);
    const soaking = await ends(mesh, 3, "mesh-cleanup", "--revision", from, "--yes");
    assert.match(soaking, /23h left|24h left/);

    const before = await everything(mesh);
    const stop = creating(mesh, namespace);
    await removedAndAnalyzed(mesh, from, version);
    const tried = await stop();
    const after = await everything(mesh);
    assert.deepEqual([tried.refused, tried.notInjected, [...tried.injected.keys()]], [[], 0, [to]]);
    const lost = gone(before, after);
    t.diagnostic(
      `${tried.injected.get(to)} pods created, none refused; ${lost.length} objects gone:\n${lost.join("\n")}`,
    );
    const suffix = from === "default" ? "" : `-${from}`;
    const own = new RegExp(
      `(istiod|istio|sidecar-injector|clusterrole|controller|values|validator)${suffix}(-istio-system)?$|/installed-state${suffix}$|[-.]gatewayclass|stats-filter`,
    );
    assert.deepEqual(
      lost.filter((each) => !own.test(each)),
      [],
    );
    assert.deepEqual(
      after.filter((each) => each.startsWith("CustomResourceDefinition ")),
      before.filter((each) => each.startsWith("CustomResourceDefinition ")),
    );
    await soundWith(mesh, version, to);
    await mesh.apply(await injectorLeft(mesh, from, to));
    const { state, evidence } = await analyzed(mesh, from, version);
    assert.deepEqual(
      [state, evidence.split(/[ :]/, 1)[0], /istio-sidecar-injector-left.*istiod-gone/.test(evidence)],
      ["bad", "IST0139", true],
      evidence,
    );
    await mesh.kubectl(["delete", "mutatingwebhookconfiguration", "istio-sidecar-injector-left"]);
    assert.equal((await analyzed(mesh, from, version)).state, "good");
    await ends(mesh, 0, "mesh-cleanup", "--revision", from, ...removes);

    await ends(mesh, 0, "mesh-cleanup", "--revision", from, "--restore", "--yes");
    assert.deepEqual(gone(before, await everything(mesh)), []);
  });

test("the canary is removed after a rollback", async () => {
  await using mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  const namespace = await meshed(mesh, { "istio-injection": "enabled" }, "production");
  await ends(mesh, 0, "mesh-migrate", "-n", namespace, "--to", "1-20");
  await ends(mesh, 3, "mesh-cleanup", "--revision", "1-20", ...removes);
  await ends(mesh, 0, "mesh-rollback", "-n", namespace);
  const stop = creating(mesh, namespace);
  await ends(mesh, 0, "mesh-cleanup", "--revision", "1-20", ...removes);
  const tried = await stop();
  assert.deepEqual([tried.refused, tried.notInjected, [...tried.injected.keys()]], [[], 0, ["default"]]);
  await soundWith(mesh, "1.19.0", "default");
});

test("beside istioctl uninstall, while a namespace still needs the old control plane", async (t) => {
  await using mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  await meshed(mesh, { "istio.io/rev": "1-20" }, "production");
  const forgotten = await meshed(mesh, { "istio-injection": "enabled" }, "forgotten");
  const before = await everything(mesh);

  const ours = creating(mesh, forgotten);
  await ends(mesh, 3, "mesh-cleanup", "--revision", "default", ...removes);
  await sleep(1000);
  const withOurs = await ours();
  assert.deepEqual([withOurs.refused, withOurs.notInjected, [...withOurs.injected.keys()]], [[], 0, ["default"]]);
  assert.deepEqual(gone(before, await everything(mesh)), []);

  const theirs = creating(mesh, forgotten);
  await mesh.istioctl("1.20.0", ["uninstall", "-y", "--revision", "default"]);
  await sleep(1000);
  const withTheirs = await theirs();
  const after = await everything(mesh);
  const left = before.filter(
    (each) =>
      after.includes(each) &&
      /istiod|istio-validator-istio|\/istio$|installed-state/.test(each) &&
      !/1-20|CustomResource/.test(each),
  );
  t.diagnostic(
    `mesh-cleanup: refused (3); ${withOurs.injected.get("default")} pods created, 0 refused, 0 without a sidecar\n` +
      `istioctl uninstall: ${withTheirs.injected.get("default") ?? 0} pods created with a sidecar, ${withTheirs.refused.length} refused, ${withTheirs.notInjected} without a sidecar; left behind: ${left.join(", ")}\n${withTheirs.refused[0] ?? ""}`,
  );
  assert.ok(withTheirs.refused.length + withTheirs.notInjected > 0, "what istioctl does here is not what was measured");
});
