/**
 * Who injects a pod: what `injectionOf` says of the webhooks as they stand, against what the API server and the real istiods do to a
 * pod that is created by a dry run, for a grid of namespaces and pods, in every state in which the four releases leave their webhooks.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { connect } from "../../src/cluster/connect.ts";
import { snapshot } from "../../src/cluster/snapshot.ts";
import { type Injectable, injectionOf } from "../../src/mesh/injection.ts";
import type { Labels } from "../../src/mesh/kubernetes.ts";
import type { Injection, Injector } from "../../src/mesh/model.ts";
import { deactivated, type Release, rendered } from "../mesh/rendered.ts";
import { type Json, type Mesh, upMesh } from "./kit.ts";

const webhooksPath = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

for (const [old, revision, version] of [
  ["1.19.0", "1-20", "1.20.0"],
  ["1.28.2", "1-29", "1.29.1"],
] as const satisfies readonly (readonly [Release, string, Release])[])
  describe(`default ${old} and ${revision} ${version}`, () => {
    let mesh: Mesh;
    let cluster: Cluster;
    before(async () => {
      mesh = await upMesh({ revisions: { default: old, [revision]: version } });
      cluster = await connect(
        { kubeconfig: mesh.kubeconfig },
        { userAgent: "injection-test", fieldManager: "injection-test", warn: () => {} },
      );
      for (const [name, labels] of namespaces(revision)) await mesh.createNamespace(labels, name);
      await mesh.api.merge("/api/v1/namespaces/kube-public", { metadata: { labels: { "istio.io/rev": revision } } });
    });
    after(async () => {
      await cluster?.close();
      await mesh?.down();
    });
    const agrees = (title: string, prepare: () => Promise<unknown>, expected: Readonly<Record<string, number>> = {}) =>
      test(title, async () => {
        await prepare();
        const counted = await compare(mesh, cluster, revision);
        for (const [outcome, atLeast] of Object.entries(expected)) {
          const found = counted.get(outcome) ?? 0;
          assert.ok(found >= atLeast, `${outcome}: ${found} of at least ${atLeast} in ${JSON.stringify([...counted])}`);
        }
      });
    const webhooks = (name: string, change: object) => mesh.api.merge(`${webhooksPath}/${name}`, change);
    const tag = (release: Release, ...args: string[]) => mesh.istioctl(release, ["tag", ...args, "-y"]);
    const [revised, other] = [`injected ${revision}`, "injected default"];

    agrees("as installed", async () => {}, { [revised]: 20, [other]: 20, none: 20 });
    agrees("with hand-set tags", async () => {
      await tag(version, "set", "stable", "--revision", revision);
      await tag(old, "set", "old", "--revision", "default");
    });
    agrees("the default tag moved to the revision", () => tag(version, "set", "default", "--revision", revision, "--overwrite"), {
      [revised]: 40,
    });
    agrees("the default tag injects namespaces without labels too", () =>
      tag(version, "set", "default", "--revision", revision, "--overwrite", "--auto-inject-namespaces"),
    );
    agrees("the un-revisioned injector back beside the default tag", async () => {
      const live = await mesh.api.get(`${webhooksPath}/istio-sidecar-injector-${revision}`);
      const caBundle = live.webhooks[0].clientConfig.caBundle;
      const entries = (rendered(old).unrevisioned.webhooks ?? []).map((entry, index) => ({
        ...live.webhooks[0],
        ...entry,
        name: `${index}.${entry.name}`,
        clientConfig: { ...entry.clientConfig, caBundle },
      }));
      await webhooks("istio-sidecar-injector", { webhooks: entries });
    });
    agrees("without the default tag, as Helm leaves it", () => tag(version, "remove", "default"), { [revised]: 20, [other]: 20 });
    agrees("nobody serves istio-injection=enabled", async () => {
      const live: Json = await mesh.api.get(`${webhooksPath}/istio-sidecar-injector`);
      await webhooks("istio-sidecar-injector", { webhooks: deactivated(live).webhooks });
    });
    agrees("policy disabled, pods that are never and always injected", () => setPolicy(mesh, revision), { [revised]: 10 });
    agrees("an injector without a CA bundle", () => addInjector(mesh, "dead", revision, {}), { "refused dead": 20 });
    agrees("an injector without a CA bundle whose failures are ignored", () =>
      addInjector(mesh, "dead", revision, { failurePolicy: "Ignore" }),
    );
    agrees("an injector that is there for other requests", () =>
      addInjector(mesh, "dead", revision, {
        rules: [{ operations: ["UPDATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
      }),
    );
    agrees("an istiod that is not ready", () => mesh.stopIstiod(revision), { [`refused ${revision}`]: 20 });
  });

const namespaces = (revision: string): readonly (readonly [string, Labels])[] => [
  ["plain", {}],
  ["enabled", { "istio-injection": "enabled" }],
  ["disabled", { "istio-injection": "disabled" }],
  ["revision", { "istio.io/rev": revision }],
  ["default-revision", { "istio.io/rev": "default" }],
  ["stable", { "istio.io/rev": "stable" }],
  ["old", { "istio.io/rev": "old" }],
  ["dead", { "istio.io/rev": "dead" }],
  ["typo", { "istio.io/rev": "typo" }],
  ["both", { "istio-injection": "enabled", "istio.io/rev": revision }],
  ["disabled-revision", { "istio-injection": "disabled", "istio.io/rev": revision }],
];

const pods = (revision: string): readonly Injectable[] => {
  const values = (key: string, ...all: readonly string[]): Labels[] => [{}, ...all.map((value) => ({ [key]: value }))];
  const labels = values("sidecar.istio.io/inject", "true", "false", "False", "yes").flatMap((inject) =>
    values("istio.io/rev", revision, "stable", "default", "dead", "typo").map((rev) => ({ labels: { ...inject, ...rev } })),
  );
  const annotations = ["true", "false", "no", "Yes"].map((inject) => ({ annotations: { "sidecar.istio.io/inject": inject } }));
  const templates = ["gateway", "sidecar", "custom"].map((template) => ({ annotations: { "inject.istio.io/templates": template } }));
  return [
    ...labels,
    ...annotations,
    ...templates,
    { hostNetwork: true },
    { labels: { team: "quiet" } },
    { labels: { team: "quiet", "sidecar.istio.io/inject": "true" } },
    { labels: { team: "loud" } },
    { labels: { team: "loud" }, annotations: { "sidecar.istio.io/inject": "false" } },
  ];
};

interface Cell {
  readonly namespace: { readonly name: string; readonly labels: Labels };
  readonly pod: Injectable;
}

/** Compares every cell of the grid; gives back how often each outcome was seen. What differs is asked again, since changes take a moment to be seen. */
async function compare(mesh: Mesh, cluster: Cluster, revision: string): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<string, number>();
  let cells: readonly Cell[] | undefined;
  for (let attempt = 1; ; attempt++) {
    const picture = await snapshot(cluster, { istioNamespace: "istio-system", namespaces: "all", workloads: false, askIstiods: false });
    assert.deepEqual(picture.unknown, []);
    cells ??= picture.namespaces
      .filter(({ name }) => name === "kube-public" || namespaces(revision).some(([known]) => known === name))
      .flatMap((namespace) => pods(revision).map((pod) => ({ namespace, pod })));
    const differing = await differingCells(mesh, picture.injectors, cells, seen);
    if (differing.length === 0) return seen;
    if (attempt === 8) assert.fail(differing.map(({ text }) => text).join("\n"));
    cells = differing.map(({ cell }) => cell);
    await sleep(1000);
  }
}

async function differingCells(mesh: Mesh, injectors: readonly Injector[], cells: readonly Cell[], seen: Map<string, number>) {
  const differing: { readonly cell: Cell; readonly text: string }[] = [];
  const queue = cells.values();
  const worker = async () => {
    for (const cell of queue) {
      const said = outcomeOf(injectionOf(injectors, cell.namespace, cell.pod));
      const done = await created(mesh, cell);
      if (said.replace(/^refused .*/, "refused") === done) seen.set(said, (seen.get(said) ?? 0) + 1);
      else
        differing.push({ cell, text: `${JSON.stringify(cell.namespace.labels)} ${JSON.stringify(cell.pod)}: said ${said}, done ${done}` });
    }
  };
  await Promise.all(Array.from({ length: 12 }, worker));
  return differing;
}

const outcomeOf = (injection: Injection): string =>
  injection.kind === "injected" || injection.kind === "refused" ? `${injection.kind} ${injection.revision}` : injection.kind;

/** What becomes of the pod: the revision of its status annotation, none, or refused by a webhook. */
async function created(mesh: Mesh, { namespace, pod }: Cell): Promise<string> {
  const metadata = { name: "web", labels: pod.labels ?? {}, annotations: pod.annotations ?? {} };
  const body = {
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: { hostNetwork: pod.hostNetwork ?? false, containers: [{ name: "app", image: "app" }] },
  };
  try {
    const answer = await mesh.api.post(`/api/v1/namespaces/${namespace.name}/pods?dryRun=All`, body);
    const status = answer.metadata.annotations?.["sidecar.istio.io/status"];
    return status === undefined ? "none" : `injected ${JSON.parse(status).revision}`;
  } catch (error) {
    assert.match((error as Error).message, /failed calling webhook|admission webhook .* denied/);
    return "refused";
  }
}

/** Tells the istiod of a revision what to inject, by its ConfigMap. */
async function setPolicy(mesh: Mesh, revision: string): Promise<void> {
  const path = `/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector-${revision}`;
  const { data } = await mesh.api.get(path);
  const config = data.config
    .replace("policy: enabled", "policy: disabled")
    .replace(/alwaysInjectSelector:\s*\[\]/, "alwaysInjectSelector: [{matchLabels: {team: loud}}, {}]")
    .replace(/neverInjectSelector:\s*\[\]/, "neverInjectSelector: [{matchExpressions: [{key: team, operator: In, values: [quiet]}]}]");
  assert.match(config, /policy: disabled/);
  assert.match(config, /team: loud/);
  assert.match(config, /values: \[quiet\]/);
  await mesh.api.merge(path, { data: { config } });
}

/** An injector of a revision that nobody runs, as a removed control plane leaves it: no istiod ever gives it a CA bundle. */
async function addInjector(mesh: Mesh, dead: string, revision: string, change: object): Promise<void> {
  const own: Json = await mesh.api.get(`${webhooksPath}/istio-sidecar-injector-${revision}`);
  const text = JSON.stringify(
    own.webhooks.map((entry: Json) => ({ ...entry, clientConfig: { ...entry.clientConfig, caBundle: undefined }, ...change })),
  );
  const webhooks = JSON.parse(text.replaceAll(`["${revision}"]`, `["${dead}"]`));
  const metadata = { name: `istio-sidecar-injector-${dead}`, labels: { app: "sidecar-injector", "istio.io/rev": dead } };
  await mesh.api.delete(`${webhooksPath}/${metadata.name}`).catch(() => {});
  await mesh.api.post(webhooksPath, {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata,
    webhooks,
  });
}
