/**
 * The danger cases of a cleanup: what still needs a revision, each alone in a mesh in which all else was moved. The
 * proof must find it, by the right route, and the plugin must write nothing.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { customObject } from "../fixtures/custom-object.ts";
import { barePod, cronJob, deployment, rollout } from "../fixtures/workload-objects.ts";
import { cell, isOnPage } from "./danger-page.ts";
import { versionOfIstioctl } from "./istio/istiod.ts";
import { bootMesh, type EmbeddedMesh } from "./mesh.ts";
import type { Json } from "./object.ts";
import { argoRollouts, gatewayRoutes, istioApi } from "./seed.ts";

let mesh: EmbeddedMesh;
before(async () => {
  mesh = await bootMesh({
    revisions: { "1-19": { version: "1.19.0", replicas: 2 }, "1-20": "1.20.0" },
    gatewayApi: true,
  });
  await mesh.apply([...gatewayRoutes, ...istioApi, ...argoRollouts]);
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-19" }, "production");
  await mesh.apply([deployment({ namespace, name: "web", replicas: 2 })]);
  await mesh.waitReady(namespace);
  assert.equal((await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1-20"])).code, 0);
  await mesh.setTag("default", "1-20");
  await mesh.createNamespace({}, "plain");
});
after(() => mesh?.down());

/** Rows of docs/danger.md: a case, and what mesh-cleanup prints of it. */
const rows = new Map<string, { readonly code: number; readonly cell: string }>();
const tell = (what: string, { code, document }: Looked): void => {
  const texts = document.findings
    .filter(({ severity }: Json) => severity === "blocker" || severity === "unknown")
    .map(
      ({ check, object, message }: Json) => `${cell(`${object}: ${message}`)} [${check}](checks/cleanup.md#${check})`,
    );
  rows.set(what, { code, cell: [...new Set<string>(texts)].join("<br>") });
};

interface Looked {
  readonly code: number;
  readonly state: string;
  /** `cleanup-pods production/Pod/web-0`, each once. */
  readonly against: readonly string[];
  readonly document: Json;
}

async function look(revision = "1-19", args: readonly string[] = ["--soak", "0s"]): Promise<Looked> {
  const before = (await mesh.audit()).length;
  const { code, stdout, stderr } = await mesh.run("mesh-cleanup", [
    "--revision",
    revision,
    "--check-only",
    "-o",
    "json",
    ...args,
  ]);
  assert.ok(stdout.startsWith("{"), stderr);
  const document: Json = JSON.parse(stdout);
  const verbs = new Set((await mesh.audit()).slice(before).map(({ verb }) => verb));
  assert.deepEqual(
    [...verbs].filter((verb) => !["get", "list"].includes(verb)),
    [],
    "it only reads",
  );
  const against = document.findings
    .filter(({ severity }: Json) => severity === "blocker" || severity === "unknown")
    .map(({ check, object }: Json) => `${check} ${object}`);
  assert.equal(document.exitCode, code);
  return { code, state: document.state, against: [...new Set<string>(against)], document };
}

/** Applies objects for as long as the test lasts. */
async function with_(objects: readonly Json[], during: () => Promise<void>): Promise<void> {
  await mesh.apply(objects);
  try {
    await during();
  } finally {
    for (const { apiVersion, kind, metadata } of objects.toReversed()) {
      const resource = mesh.resources.of({ apiVersion, kind });
      assert.ok(resource);
      const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
      const scope = resource.namespaced ? `/namespaces/${metadata.namespace}` : "";
      const path = `${root}${scope}/${resource.plural}/${metadata.name}`;
      await mesh.clock.during(mesh.api.delete(path).catch(() => {}));
      await mesh.eventually(
        `${path} to be gone`,
        () => mesh.store.get(resource, metadata.namespace, metadata.name) === undefined,
      );
    }
    await mesh.pass(60_000);
  }
}

const label = { "istio.io/rev": "1-19" };
const off = { replicas: 0 };
const tagWebhook = (name: string, service: string, labelled: string): Json => {
  const configurations = mesh.store.list(mesh.resources.named("mutatingwebhookconfigurations"));
  const own = configurations.find(({ metadata }) => metadata.name === "istio-sidecar-injector-1-20") as Json;
  const text = JSON.stringify(own.webhooks)
    .replaceAll("istiod-1-20", service)
    .replaceAll('"1-20"', JSON.stringify(name));
  return {
    ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration" },
    metadata: {
      name: `istio-revision-tag-${name}`,
      labels: { app: "sidecar-injector", "istio.io/tag": name, "istio.io/rev": labelled },
    },
    webhooks: JSON.parse(text),
  };
};
const validator = (service: string): Json => ({
  ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "ValidatingWebhookConfiguration" },
  metadata: { name: "istiod-default-validator-too", labels: { app: "istiod", "istio.io/rev": "1-20" } },
  webhooks: [
    {
      name: "validation.istio.io",
      clientConfig: {
        service: { name: service, namespace: "istio-system", path: "/validate", port: 443 },
        caBundle: "Q0E=",
      },
      rules: [{ operations: ["CREATE"], apiGroups: ["telemetry.istio.io"], apiVersions: ["*"], resources: ["*"] }],
      ...{ failurePolicy: "Ignore", sideEffects: "None", admissionReviewVersions: ["v1"] },
    },
  ],
});
const daemonSet = (name: string, variables: Readonly<Record<string, string>>): Json => ({
  ...{ apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name, namespace: "istio-system", labels: { app: name } } },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name, "sidecar.istio.io/inject": "false" } },
      spec: {
        nodeSelector: { none: "such" },
        containers: [
          {
            name: "istio-proxy",
            image: "i",
            env: Object.entries(variables).map(([key, value]) => ({ name: key, value })),
          },
        ],
      },
    },
  },
});
const istiodVs = customObject(
  "VirtualService",
  "istiod-vs",
  "istio-system",
  {},
  {
    hosts: ["*"],
    gateways: ["istiod-gateway"],
    tls: [
      {
        match: [{ port: 15012, sniHosts: ["*"] }],
        route: [{ destination: { host: "istiod-1-19.istio-system.svc.cluster.local", port: { number: 15012 } } }],
      },
    ],
  },
);

test("a finished migration: nothing needs it; the soak counts from its end; the way back is a note", async () => {
  assert.deepEqual(await look().then(({ code, state, against }) => [code, state, against]), [0, "unused", []]);
  const { code, state, document } = await look("1-19", []);
  assert.deepEqual([code, state], [3, "soaking"]);
  assert.match(document.soak.why, /^the migrate \S+ of namespace production ended$/);
  assert.ok(document.soak.left > 80_000 && document.soak.left <= 86_400);
  assert.deepEqual(
    document.findings.map(({ severity, check }: Json) => `${severity} ${check}`),
    ["note cleanup-undo"],
  );
});

const dangers: readonly (readonly [
  what: string,
  objects: () => readonly Json[],
  says: readonly (string | RegExp)[],
])[] = [
  [
    "namespace label only",
    () => [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "empty", labels: label } }],
    ["cleanup-namespaces namespace/empty"],
  ],
  [
    "template label only, Deployment at 0",
    () => [deployment({ namespace: "plain", name: "off", labels: label, ...off })],
    ["cleanup-templates plain/Deployment/off"],
  ],
  [
    "CronJob",
    () => [cronJob({ namespace: "plain", name: "nightly", labels: label })],
    ["cleanup-templates plain/CronJob/nightly"],
  ],
  [
    "Argo Rollout at 0",
    () => [rollout({ namespace: "plain", name: "canary", labels: label, ...off })],
    ["cleanup-templates plain/Rollout/canary"],
  ],
  ["tag", () => [tagWebhook("old", "istiod-1-19", "1-19")], ["cleanup-tags tag/old"]],
  [
    "tag whose label names the new revision",
    () => [tagWebhook("lies", "istiod-1-19", "1-20")],
    ["cleanup-tags tag/lies"],
  ],
  ["tag whose label is its own name", () => [tagWebhook("aro", "istiod-1-19", "aro")], ["cleanup-tags tag/aro"]],
  [
    "default validator",
    () => [validator("istiod-1-19")],
    ["cleanup-default-validator ValidatingWebhookConfiguration/istiod-default-validator-too"],
  ],
  [
    "Gateway API gateway",
    () => [customObject("Gateway", "gw", "plain", label, { gatewayClassName: "istio", listeners: [] })],
    ["cleanup-gateways plain/Gateway/gw"],
  ],
  [
    "waypoint",
    () => [customObject("Gateway", "way", "plain", label, { gatewayClassName: "istio-waypoint", listeners: [] })],
    ["cleanup-gateways plain/Gateway/way"],
  ],
  [
    "HTTPRoute labelled with it",
    () => [customObject("HTTPRoute", "r", "plain", label)],
    ["cleanup-objects plain/HTTPRoute/r"],
  ],
  [
    "Istio objects labelled with it",
    () => [
      customObject("AuthorizationPolicy", "deny", "plain", label),
      customObject("EnvoyFilter", "mine", "plain", label),
    ],
    ["cleanup-objects plain/AuthorizationPolicy/deny", "cleanup-objects plain/EnvoyFilter/mine"],
  ],
  ["istiod-vs", () => [istiodVs], ["cleanup-callers istio-system/VirtualService/istiod-vs"]],
  [
    "a TLSRoute to its Service",
    () => [
      customObject(
        "TLSRoute",
        "t",
        "istio-system",
        {},
        { rules: [{ backendRefs: [{ name: "istiod-1-19", port: 15012 }] }] },
      ),
    ],
    ["cleanup-callers istio-system/TLSRoute/t"],
  ],
  [
    "ztunnel's XDS_ADDRESS",
    () => [
      daemonSet("ztunnel", {
        XDS_ADDRESS: "istiod-1-19.istio-system.svc:15012",
        CA_ADDRESS: "istiod-1-20.istio-system.svc:15012",
      }),
    ],
    ["cleanup-node-agents istio-system/DaemonSet/ztunnel"],
  ],
];

for (const [what, objects, says] of dangers)
  test(`in use: ${what}`, () =>
    with_(objects(), async () => {
      const looked = await look();
      const { code, state, against } = looked;
      assert.deepEqual([code, state, against.toSorted()], [3, "in-use", says]);
      tell(what, looked);
    }));

test("in use: one pod left on it, and while it is terminating", () => {
  const left = barePod({ namespace: "plain", name: "left", labels: label, terminateAfter: 30_000 }) as Json;
  return with_([left], async () => {
    await mesh.eventually("its proxy to be connected", () =>
      mesh.planes.held().some(({ revision }) => revision === "1-19"),
    );
    const says = ["cleanup-pods plain/Pod/left", "cleanup-connections plain/Pod/left"];
    const there = await look();
    assert.deepEqual(there.against, says);
    tell("one pod left on it", there);
    await mesh.clock.during(mesh.api.delete("/api/v1/namespaces/plain/pods/left"));
    const going = await look();
    assert.equal(going.code, 3);
    assert.ok(going.against.includes("cleanup-pods plain/Pod/left"), going.against.join());
    assert.match(JSON.stringify(going.document.findings), /is terminating/);
    tell("a pod that is terminating", going);
  });
});

test("in use: the default tag", async () => {
  await mesh.setTag("default", "1-19");
  try {
    const looked = await look();
    const { code, against, document } = looked;
    tell("default tag", looked);
    assert.deepEqual(
      [code, against],
      [
        3,
        [
          "cleanup-default-tag tag/default",
          "cleanup-default-validator ValidatingWebhookConfiguration/istiod-default-validator",
        ],
      ],
    );
    assert.ok(
      document.findings
        .filter(({ severity }: Json) => severity === "blocker")
        .every(({ remedy }: Json) => remedy === "kubectl mesh-migrate --tag default --to 1-20"),
    );
  } finally {
    await mesh.setTag("default", "1-20");
  }
});

test("in use: an unfinished migration", async () => {
  const at = "/api/v1/namespaces/production";
  const { metadata } = await mesh.clock.during(mesh.api.get(at));
  const record = JSON.parse(metadata.annotations["kubectl-mesh/undo"]);
  const write = (state: string) =>
    mesh.clock.during(
      mesh.api.merge(at, { metadata: { annotations: { "kubectl-mesh/undo": JSON.stringify({ ...record, state }) } } }),
    );
  await write("open");
  try {
    const looked = await look();
    const { code, against } = looked;
    assert.deepEqual([code, against], [3, ["cleanup-undo namespace/production"]]);
    tell("an unfinished migration", looked);
  } finally {
    await write("done");
  }
});

test("not in use: istioctl's own connection", async () => {
  const istiod = mesh.planes.reachable("istiod-1-19.istio-system.svc:15012");
  assert.ok(istiod);
  istiod.connect("ghost", { proxy: "test-1.default", type: "sidecar", version: versionOfIstioctl, ip: "127.0.0.1" });
  assert.equal(mesh.planes.held().length, 3);
  assert.deepEqual((await look()).against, []);
  istiod.connections.delete("ghost");
});

for (const how of ["unready", "frozen"] as const)
  test(`cannot tell: the istiods do not answer (${how})`, async () => {
    await mesh.stopIstiod("1-19", how);
    try {
      const looked = await look();
      const { code, state, against } = looked;
      tell(`istiods that do not answer (${how})`, looked);
      assert.deepEqual([code, state], [5, "cannot-tell"]);
      assert.equal(against.filter((each) => each.startsWith("cleanup-connections istiod/")).length, 2, against.join());
    } finally {
      await mesh.startIstiod("1-19");
    }
  });

/** As RBAC refuses. */
const forbidden = {
  instead: {
    code: 403,
    headers: { "content-type": "application/json" },
    body: {
      ...{ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", code: 403, reason: "Forbidden" },
      message: 'things is forbidden: User "ann" cannot list resource "things" in API group "" at the cluster scope',
    },
  },
};

/** Reads of the mesh's own picture that the proof can do without, because it reads the same otherwise. */
const dispensable = [
  /\/endpointslices\?.*service-name/,
  /\/istiod-default-validator$/,
  /\/configmaps\/istio-sidecar-injector-1-19$/,
  /\/replicasets\?(?!.*labelSelector)/,
];

test("cannot tell: each read that is refused, one after the other", async () => {
  const paths: string[] = [];
  const stop = mesh.onRequest(({ url }) => {
    paths.push(`${url.pathname}${url.search}`);
    return undefined;
  });
  await look();
  stop();
  const reads = [...new Set(paths)].filter((path) => !/portforward|\/version/.test(path));
  assert.ok(reads.length > 35, reads.join("\n"));
  const wrong: string[] = [];
  for (const read of reads) {
    const forbid = mesh.onRequest(({ url }) => (`${url.pathname}${url.search}` === read ? forbidden : undefined));
    const { code, stdout, stderr } = await mesh.run("mesh-cleanup", [
      "--revision",
      "1-19",
      "--check-only",
      "--soak",
      "0s",
    ]);
    forbid();
    const isDispensable = dispensable.some((each) => each.test(decodeURIComponent(read)));
    if (code !== (isDispensable ? 0 : 5)) wrong.push(`${code} ${read}`);
    if (code === 5) assert.match(stdout + stderr, /forbidden|cannot/i);
  }
  assert.deepEqual(wrong, []);
});

test("docs/danger.md has what is printed of each case", () => isOnPage("what is found", rows));

test("a revision that is not there is refused, and a tag is told from a revision", async () => {
  const { code, stderr } = await mesh.run("mesh-cleanup", ["--revision", "1-119", "--check-only"]);
  assert.equal(code, 3);
  assert.match(stderr, /error: there is no revision 1-119, did you mean 1-19\?: there are 1-19 and 1-20/);
  const tag = await mesh.run("mesh-cleanup", ["--revision", "default", "--check-only"]);
  assert.equal(tag.code, 3);
  assert.match(tag.stderr, /default is a tag of revision 1-20, and no revision/);
});

test("a removal without a soak needs a reason", async () => {
  const { code, stderr } = await mesh.run("mesh-cleanup", ["--revision", "1-19", "--soak", "0s", "--yes"]);
  assert.equal(code, 2);
  assert.match(stderr, /a removal without a soak needs a reason/);
});

test("--wait waits until the soak is over", async () => {
  const { code, stdout, stderr, ms } = await mesh.run("mesh-cleanup", ["--revision", "1-19", "--check-only", "--wait"]);
  assert.equal(code, 0, stdout);
  assert.match(stderr, /^soak: 2\dh left \(the migrate /m);
  assert.ok(ms > 20 * 3_600_000, `${ms}`);
});
