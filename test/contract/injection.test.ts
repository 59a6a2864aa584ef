/**
 * Who injects a pod, and what it carries then. The grid: what `injectionOf` says of the webhooks as they stand, against
 * what the API server and the istiods do to a pod that is created by a dry run, for namespaces × pods, in every state
 * in which the four releases leave their webhooks. It holds on both meshes, so the embedded injector does what the real
 * one does.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { dump, load } from "js-yaml";
import { systemClock } from "../../src/cluster/clock.ts";
import type { Cluster } from "../../src/cluster/cluster.ts";
import { connect } from "../../src/cluster/connect.ts";
import { snapshot } from "../../src/gather/snapshot.ts";
import { type Injectable, injectionOf } from "../../src/mesh/injection.ts";
import type { Labels, WebhookConfigurationObject } from "../../src/mesh/kubernetes.ts";
import type { Injection, Injector } from "../../src/mesh/model.ts";
import { deactivated, type Release, rendered } from "../mesh/rendered.ts";
import { carried, dryRun, isModern, pictureOf, plain } from "./injected-pod.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { openMesh } from "./open-mesh.ts";

const webhooksPath = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";

for (const [old, revision, version] of [
  ["1.19.0", "1-20", "1.20.0"],
  ["1.28.2", "1-29", "1.29.1"],
] as const satisfies readonly (readonly [Release, string, Release])[])
  describe(`default ${old} and ${revision} ${version}`, () => {
    let mesh: MeshUnderTest;
    let cluster: Cluster;
    before(async () => {
      mesh = await openMesh({ revisions: { default: old, [revision]: version } });
      cluster = await connect(
        { kubeconfig: mesh.kubeconfig },
        { userAgent: "injection-test", fieldManager: "injection-test", clock: systemClock, warn: () => {} },
      );
      for (const [name, labels] of namespaces(revision)) await mesh.createNamespace(labels, name);
      await mesh.api.merge("/api/v1/namespaces/kube-public", { metadata: { labels: { "istio.io/rev": revision } } });
    });
    after(async () => {
      await cluster?.close();
      await mesh?.[Symbol.asyncDispose]();
    });

    for (const [namespace, of, release] of [
      ["enabled", "default", old],
      ["revision", revision, version],
    ] as const) {
      for (const [title, pod, expected] of carried(release))
        test(`what a pod injected by ${release} carries: ${title}`, async () => {
          const picture = pictureOf(await dryRun(mesh, namespace, pod));
          const address = `${of === "default" ? "istiod" : `istiod-${of}`}.istio-system.svc:15012`;
          const base = {
            ...plain(release),
            revision: of,
            caAddress: address,
            ...(of !== "default" && { discoveryAddress: address }),
          };
          assert.deepEqual(picture, { ...base, ...expected });
        });
      test(`${release}: one old node, and the proxy is a container like others`, async () => {
        const path = "/api/v1/nodes/node-0/status";
        const node = await mesh.api.get(path);
        const kubelet = (kubeletVersion: string) =>
          mesh.api.merge(path, { status: { nodeInfo: { ...node.status.nodeInfo, kubeletVersion } } });
        const becomes = (native: boolean) =>
          mesh.eventually(
            `native to be ${native}`,
            async () => pictureOf(await dryRun(mesh, namespace, {})).native === native,
          );
        await kubelet("v1.32.9");
        await becomes(false);
        await kubelet(node.status.nodeInfo.kubeletVersion);
        await becomes(isModern(release));
      });
    }

    const tagService = (tag: string, points: string) =>
      isModern(version) ? [`istiod-revision-tag-${tag} ${points} ${tag}`] : [];
    test("what two installations leave", async () => {
      assert.deepEqual(await standing(mesh), {
        injectors: [
          "istio-revision-tag-default default default: istiod",
          "istio-sidecar-injector default: istiod, never",
          `istio-sidecar-injector-${revision} ${revision}: istiod-${revision}`,
        ],
        validators: [
          `istio-validator-${revision}-istio-system ${revision}: istiod-${revision}`,
          "istio-validator-istio-system default: istiod",
          "istiod-default-validator default default: istiod",
        ],
        services: ["istiod default", `istiod-${revision} ${revision}`, ...tagService("default", "default")],
        deployments: [
          `istiod default: ${old} {"istio":"pilot"}`,
          `istiod-${revision} ${revision}: ${version} {"app":"istiod","istio.io/rev":"${revision}"}`,
        ],
      });
    });

    const agrees = (
      title: string,
      prepare: () => Promise<unknown>,
      expected: Readonly<Record<string, number>> = {},
      all = false,
    ) =>
      test(title, async () => {
        await prepare();
        const counted = await compare(mesh, cluster, revision, all);
        for (const [outcome, atLeast] of Object.entries(expected)) {
          const found = counted.get(outcome) ?? 0;
          assert.ok(found >= atLeast, `${outcome}: ${found} of at least ${atLeast} in ${JSON.stringify([...counted])}`);
        }
      });
    const liveOf = (name: string): Promise<Json> => mesh.api.get(`${webhooksPath}/${name}`);
    /** Gives a configuration the entries of a recorded one, called where the live one is called. */
    const replaceEntries = async (name: string, like: string, recorded: WebhookConfigurationObject) => {
      const [live] = (await liveOf(like)).webhooks;
      const webhooks = (recorded.webhooks ?? []).map((entry, index) => {
        const clientConfig = { ...live.clientConfig, ...entry.clientConfig, caBundle: live.clientConfig.caBundle };
        return { ...live, ...entry, name: `${index}.${entry.name}`, clientConfig };
      });
      await mesh.api.merge(`${webhooksPath}/${name}`, { webhooks });
    };
    const [revised, other, own] = [`injected ${revision}`, "injected default", `istio-sidecar-injector-${revision}`];

    agrees("as installed", async () => {}, { [revised]: 20, [other]: 20, none: 20 }, true);
    agrees("with hand-set tags", async () => {
      await mesh.setTag("stable", revision);
      await mesh.setTag("old", "default");
    });
    agrees("the default tag moved to the revision", () => mesh.setTag("default", revision), { [revised]: 40 });
    test("what tags leave, and the default tag takes the default validator along", async () => {
      const { injectors, validators, services } = await standing(mesh);
      const of = (list: readonly string[]) => list.filter((each) => /-tag-|default-validator/.test(each));
      assert.deepEqual(of(injectors), [
        `istio-revision-tag-default ${revision} default: istiod-${revision}`,
        "istio-revision-tag-old default old: istiod",
        `istio-revision-tag-stable ${revision} stable: istiod-${revision}`,
      ]);
      assert.deepEqual(of(validators), [`istiod-default-validator ${revision} default: istiod-${revision}`]);
      const [first, second, third] = [
        tagService("default", revision),
        tagService("old", "default"),
        tagService("stable", revision),
      ];
      assert.deepEqual(of(services), [...first, ...second, ...third]);
    });
    agrees("the default tag injects namespaces without labels too", () =>
      replaceEntries("istio-revision-tag-default", own, rendered(version).defaultTag),
    );
    agrees("the un-revisioned injector back beside the default tag", () =>
      replaceEntries("istio-sidecar-injector", own, rendered(old).unrevisioned),
    );
    agrees(
      "without the default tag, as Helm leaves it",
      () => mesh.api.delete(`${webhooksPath}/istio-revision-tag-default`),
      {
        [revised]: 20,
        [other]: 20,
      },
    );
    agrees("nobody serves istio-injection=enabled", async () => {
      const { webhooks } = deactivated(await liveOf("istio-sidecar-injector"));
      await mesh.api.merge(`${webhooksPath}/istio-sidecar-injector`, { webhooks });
    });
    agrees(
      "policy disabled, pods that are never and always injected",
      () => setPolicy(mesh, revision),
      { [revised]: 10 },
      true,
    );
    agrees("an injector without a CA bundle", () => addInjector(mesh, "dead", revision, {}), {
      [`refused ${revision}`]: 12,
    });
    agrees("an injector without a CA bundle whose failures are ignored", () =>
      addInjector(mesh, "dead", revision, { failurePolicy: "Ignore" }),
    );
    agrees("an injector that is there for other requests", () =>
      addInjector(mesh, "dead", revision, {
        rules: [{ operations: ["UPDATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
      }),
    );

    test("what is said when the injector cannot be called", async () => {
      const service = `istiod-${revision}`;
      const post = (to: string) =>
        `failed to call webhook: Post "https://${to}.istio-system.svc:443/inject?timeout=10s": `;
      const name = "rev.namespace.sidecar-injector.istio.io";
      /** The API server calls the webhooks of its cache, which comes late: what it says is asked for until it says so. */
      const refused = async (starts: string, namespace = "revision", pod: Injectable = {}): Promise<void> => {
        let said = "let in";
        const ask = async () => {
          said = await dryRun(mesh, namespace, pod).then(() => "let in", wordsOf);
          return said.startsWith(starts);
        };
        await mesh.eventually(starts, ask, 20).catch(() => assert.equal(said, starts));
      };
      const failed = `500 InternalError: Internal error occurred: failed calling webhook "${name}": `;
      for (const kind of isModern(old) ? (["refuse"] as const) : (["refuse", "hang"] as const)) {
        await mesh.setWebhookFault(revision, { kind });
        await refused(failed + post(service) + (kind === "hang" ? "context deadline exceeded" : ""));
      }
      await mesh.setWebhookFault(revision, { kind: "slow", ms: 1500 });
      const before = mesh.now().getTime();
      await dryRun(mesh, "revision", { labels: { "sidecar.istio.io/inject": "true" } });
      assert.ok(mesh.now().getTime() - before >= 1500, "slow is late, and no failure");
      await mesh.setWebhookFault(revision);

      await addInjector(mesh, "dead", revision, {});
      const untrusted = "tls: failed to verify certificate: x509: certificate signed by unknown authority";
      await refused(failed + post(service) + untrusted, "dead");
      const [{ clientConfig }] = (await liveOf(own)).webhooks;
      const elsewhere = { ...clientConfig, service: { ...clientConfig.service, name: "istiod-gone" } };
      await addInjector(mesh, "dead", revision, { clientConfig: elsewhere });
      await refused(`${failed}${post("istiod-gone")}service "istiod-gone" not found`, "dead");
      const nobody = {
        labels: { "sidecar.istio.io/inject": "true" },
        annotations: { "inject.istio.io/templates": "nobody" },
      };
      await assert.rejects(dryRun(mesh, "revision", nobody), (error: Json) => {
        const denied = `^400 \\w*: admission webhook "${name}" denied the request: .*requested template "nobody" not found; have `;
        assert.match(wordsOf(error), new RegExp(denied));
        return true;
      });
      await mesh.api.delete(`${webhooksPath}/istio-sidecar-injector-dead`);
      await mesh.stopIstiod(revision);
      await refused(failed + post(service));
      await mesh.startIstiod(revision);
    });
    agrees("an istiod that is not ready", () => mesh.stopIstiod(revision), { [`refused ${revision}`]: 12 });
  });

/** Status, reason and message of a refusal of the API server. */
function wordsOf({ status, message }: { readonly status: number; readonly message: string }): string {
  const said = (field: string) =>
    JSON.parse(new RegExp(`"${field}":("(?:[^"\\\\]|\\\\.)*")`).exec(message)?.[1] ?? '""');
  return `${status} ${said("reason")}: ${said("message")}`;
}

/** What stands of control planes: name, revision, tag, and where it leads. */
async function standing(mesh: MeshUnderTest) {
  const listed = async (path: string, tell: (item: Json) => string): Promise<readonly string[]> => {
    const { items } = await mesh.api.get(path);
    return items.map((item: Json) => {
      const { name, labels = {} } = item.metadata;
      return [name, labels["istio.io/rev"], labels["istio.io/tag"]].filter(Boolean).join(" ") + tell(item);
    });
  };
  const called = ({ webhooks }: Json): string => {
    const services = new Set(webhooks.map(({ clientConfig }: Json) => clientConfig.service.name));
    const isOff = webhooks.every(({ objectSelector }: Json) => objectSelector?.matchLabels?.["istio.io/deactivated"]);
    return `: ${[...services, ...(isOff ? ["never"] : [])].join(", ")}`;
  };
  const image = ({ spec }: Json): string =>
    `: ${spec.template.spec.containers[0].image.split(":").at(-1)} ${JSON.stringify(spec.selector.matchLabels)}`;
  return {
    injectors: await listed(webhooksPath, called),
    validators: await listed(webhooksPath.replace("mutating", "validating"), called),
    services: await listed("/api/v1/namespaces/istio-system/services", () => ""),
    deployments: await listed("/apis/apps/v1/namespaces/istio-system/deployments", image),
  };
}

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

/** The pods that differ for the API server's selectors, and with `all` those that only istiod tells apart. */
const pods = (revision: string, all: boolean): readonly Injectable[] => {
  const values = (key: string, ...each: readonly string[]): Labels[] => [
    {},
    ...each.map((value) => ({ [key]: value })),
  ];
  const wishes = all ? ["true", "false", "False", "yes"] : ["true", "false"];
  const labels = values("sidecar.istio.io/inject", ...wishes).flatMap((inject) =>
    values("istio.io/rev", revision, "stable", "default", "dead", "typo").map((rev) => ({
      labels: { ...inject, ...rev },
    })),
  );
  if (!all) return labels;
  const annotations = ["true", "false", "no", "Yes"].map((inject) => ({
    annotations: { "sidecar.istio.io/inject": inject },
  }));
  const templates = ["gateway", "sidecar", "custom"].map((template) => ({
    annotations: { "inject.istio.io/templates": template },
  }));
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

/**
 * Compares every cell of the grid; gives back how often each outcome was seen. What differs is asked again, since
 * changes take a moment to be seen.
 */
async function compare(
  mesh: MeshUnderTest,
  cluster: Cluster,
  revision: string,
  all: boolean,
): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<string, number>();
  let cells: readonly Cell[] | undefined;
  for (let attempt = 1; ; attempt++) {
    const query = { istioNamespace: "istio-system", namespaces: "all", workloads: false, askIstiods: false } as const;
    const picture = await mesh.during(snapshot(cluster, query));
    assert.deepEqual(picture.unknown, []);
    cells ??= picture.namespaces
      .filter(({ name }) => name === "kube-public" || namespaces(revision).some(([known]) => known === name))
      .flatMap((namespace) => pods(revision, all).map((pod) => ({ namespace, pod })));
    const differing = await differingCells(mesh, picture.injectors, cells, seen);
    if (differing.length === 0) return seen;
    if (attempt === 8) assert.fail(differing.map(({ text }) => text).join("\n"));
    cells = differing.map(({ cell }) => cell);
    await mesh.pass(1000);
  }
}

async function differingCells(
  mesh: MeshUnderTest,
  injectors: readonly Injector[],
  cells: readonly Cell[],
  seen: Map<string, number>,
) {
  const differing: { readonly cell: Cell; readonly text: string }[] = [];
  const queue = cells.values();
  const worker = async () => {
    for (const cell of queue) {
      const said = outcomeOf(injectionOf(injectors, cell.namespace, cell.pod));
      const done = await created(mesh, cell);
      if (said.replace(/^refused .*/, "refused") === done) seen.set(said, (seen.get(said) ?? 0) + 1);
      else
        differing.push({
          cell,
          text: `${JSON.stringify(cell.namespace.labels)} ${JSON.stringify(cell.pod)}: said ${said}, done ${done}`,
        });
    }
  };
  await Promise.all(Array.from({ length: 12 }, worker));
  return differing;
}

const outcomeOf = (injection: Injection): string =>
  injection.kind === "injected" || injection.kind === "refused"
    ? `${injection.kind} ${injection.revision}`
    : injection.kind;

/** What becomes of the pod: the revision of its status annotation, none, or refused by a webhook. */
async function created(mesh: MeshUnderTest, { namespace, pod }: Cell): Promise<string> {
  try {
    const status = (await dryRun(mesh, namespace.name, pod)).metadata.annotations?.["sidecar.istio.io/status"];
    return status === undefined ? "none" : `injected ${JSON.parse(status).revision}`;
  } catch (error) {
    assert.match((error as Error).message, /failed calling webhook|admission webhook .* denied/);
    return "refused";
  }
}

/** Tells the istiod of a revision what to inject, by its ConfigMap. */
async function setPolicy(mesh: MeshUnderTest, revision: string): Promise<void> {
  const path = `/api/v1/namespaces/istio-system/configmaps/istio-sidecar-injector-${revision}`;
  const { data } = await mesh.api.get(path);
  const config = {
    ...(load(data.config) as object),
    policy: "disabled",
    alwaysInjectSelector: [{ matchLabels: { team: "loud" } }, {}],
    neverInjectSelector: [{ matchExpressions: [{ key: "team", operator: "In", values: ["quiet"] }] }],
  };
  await mesh.api.merge(path, { data: { config: dump(config) } });
}

/**
 * An injector of a revision that nobody runs, as a removed control plane leaves it: no istiod ever gives it a CA
 * bundle.
 */
async function addInjector(mesh: MeshUnderTest, dead: string, revision: string, change: object): Promise<void> {
  const own: Json = await mesh.api.get(`${webhooksPath}/istio-sidecar-injector-${revision}`);
  const text = JSON.stringify(
    own.webhooks.map((entry: Json) => ({
      ...entry,
      clientConfig: { ...entry.clientConfig, caBundle: undefined },
      ...change,
    })),
  );
  const webhooks = JSON.parse(text.replaceAll(`["${revision}"]`, `["${dead}"]`));
  const metadata = {
    name: `istio-sidecar-injector-${dead}`,
    labels: { app: "sidecar-injector", "istio.io/rev": dead },
  };
  await mesh.api.delete(`${webhooksPath}/${metadata.name}`).catch(() => {});
  await mesh.api.post(webhooksPath, {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata,
    webhooks,
  });
}
