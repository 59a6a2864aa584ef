/**
 * `kubectl mesh-revisions` says what istioctl and kubectl say of the same mesh, in every state that a move by hand goes
 * through.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { RevisionsDocument } from "../../src/views/revisions-document.ts";
import { barePod, daemonSet, deployment, job, statefulSet } from "../fixtures/workload-objects.ts";
import { readProxyStatus, readTags } from "./istioctl-output.ts";
import { eventually, isWrite, type Json, type Mesh, upMesh } from "./kit.ts";

const validate = new Ajv2020({ strict: true, allErrors: true }).compile(
  JSON.parse(readFileSync(`${import.meta.dirname}/../../schemas/revisions.schema.json`, "utf8")),
);

async function look(mesh: Mesh, ...args: readonly string[]): Promise<RevisionsDocument> {
  const { code, stdout, stderr } = await mesh.run("mesh-revisions", [...args, "-o", "json"]);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
  const document: RevisionsDocument = JSON.parse(stdout);
  assert.ok(validate(document), JSON.stringify(validate.errors, undefined, 2));
  return document;
}

const checksOf = ({ findings }: RevisionsDocument, object?: string) =>
  findings.filter((finding) => object === undefined || finding.object === object).map(({ check }) => check);
const namespaceOf = (document: RevisionsDocument, name: string) =>
  document.namespaces.find((namespace) => namespace.name === name);
const revisionOf = (document: RevisionsDocument, name: string) =>
  document.revisions.find(({ revision }) => revision === name);
const statusOf = (pod: Json) => JSON.parse(pod.metadata.annotations?.["sidecar.istio.io/status"] ?? "null");
const sorted = <T>(values: Iterable<T>): T[] =>
  [...values].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

/**
 * Holds a picture of the whole mesh against the others' words. Proxies come and go between one question and the next,
 * so what differs is asked again for a while; what stays different is a fault.
 */
async function agrees(
  mesh: Mesh,
  version: string,
  revisions: readonly string[],
  perRevision: boolean,
): Promise<RevisionsDocument> {
  let document: RevisionsDocument | undefined;
  let difference: unknown;
  await eventually(
    "mesh-revisions to agree with istioctl and kubectl",
    async () => {
      const overview = await look(mesh);
      document = await look(mesh, "-A");
      try {
        await compare(mesh, document, version, revisions, perRevision);
        const shown = new Set(overview.namespaces.map(({ name }) => name));
        assert.deepEqual(
          overview.namespaces,
          document.namespaces.filter(({ name }) => shown.has(name)),
          "the overview, which reads less of the pods, against the whole",
        );
        assert.deepEqual(checksOf(overview), checksOf(document));
        return true;
      } catch (error) {
        difference = error;
        return false;
      }
    },
    20,
    500,
  ).catch(() => {
    throw difference;
  });
  return document as RevisionsDocument;
}

async function compare(
  mesh: Mesh,
  document: RevisionsDocument,
  version: string,
  revisions: readonly string[],
  perRevision: boolean,
): Promise<void> {
  const pods: Json[] = JSON.parse(await mesh.kubectl(["get", "pods", "-A", "-o", "json"])).items;
  const istiods = new Map(
    pods
      .filter((pod) => pod.metadata.labels?.app === "istiod")
      .map((pod) => [pod.metadata.name, pod.metadata.labels["istio.io/rev"]]),
  );
  const asked = perRevision
    ? revisions.map((revision) => ["proxy-status", "--revision", revision])
    : [["proxy-status"]];
  const tables = await Promise.all(asked.map((args) => mesh.istioctl(version, args)));
  const held = tables.flatMap(readProxyStatus).map(({ proxy, istiod }) => [proxy, istiods.get(istiod)]);

  const listed = (document.workloads ?? []).flatMap((workload) => workload.pods);
  const connected = listed.flatMap((pod) =>
    (pod.connectedTo ?? []).map((revision) => [`${pod.name}.${pod.namespace}`, revision]),
  );
  assert.deepEqual(sorted(connected), sorted(held), "proxies and their control planes, against istioctl proxy-status");
  for (const { revision, connectedProxies } of document.revisions) {
    assert.equal(connectedProxies, held.filter(([, holder]) => holder === revision).length, `proxies of ${revision}`);
  }

  const live = pods.filter((pod) => !["Succeeded", "Failed"].includes(pod.status.phase));
  assert.deepEqual(
    sorted(listed.map((pod) => [pod.namespace, pod.name, pod.revision, pod.ready])),
    sorted(
      live.map((pod) => [
        pod.metadata.namespace,
        pod.metadata.name,
        statusOf(pod)?.revision ?? null,
        pod.status.conditions.some((each: Json) => each.type === "Ready" && each.status === "True"),
      ]),
    ),
    "pods and what injected them, against kubectl",
  );

  const tags = readTags(await mesh.istioctl(version, ["tag", "list"]));
  assert.deepEqual(
    sorted(document.tags.map(({ tag, revision }) => ({ tag, revision }))),
    sorted(tags),
    "tags, against istioctl tag list",
  );

  const deployments: Json[] = JSON.parse(
    await mesh.kubectl(["get", "deployments", "-n", "istio-system", "-l", "app=istiod", "-o", "json"]),
  ).items;
  assert.deepEqual(
    sorted(
      document.revisions
        .filter(({ deployment }) => deployment !== null)
        .map(({ revision, istiods, deployment, version }) => [
          revision,
          deployment,
          istiods.ready,
          istiods.desired,
          version,
        ]),
    ),
    sorted(
      deployments.map(({ metadata, spec, status }) => [
        metadata.labels["istio.io/rev"],
        metadata.name,
        status.readyReplicas ?? 0,
        spec.replicas,
        spec.template.spec.containers[0].image.split(":").at(-1),
      ]),
    ),
    "istiods, against kubectl",
  );

  const namespaces: Json[] = JSON.parse(await mesh.kubectl(["get", "namespaces", "-o", "json"])).items;
  assert.deepEqual(
    sorted(document.namespaces.map(({ name, labels }) => [name, labels["istio-injection"], labels["istio.io/rev"]])),
    sorted(
      namespaces.map(({ metadata }) => [
        metadata.name,
        metadata.labels["istio-injection"] ?? null,
        metadata.labels["istio.io/rev"] ?? null,
      ]),
    ),
    "namespaces, against kubectl",
  );
}

describe("an un-revisioned 1.19.0 and 1-20", () => {
  let mesh: Mesh;
  const namespace = "production";
  before(async () => {
    mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
    await mesh.createNamespace({ "istio-injection": "enabled" }, namespace);
    await mesh.apply([
      deployment({ namespace, name: "web" }),
      deployment({ namespace, name: "api" }),
      deployment({ namespace, name: "plain", replicas: 1, labels: { "sidecar.istio.io/inject": "false" } }),
      deployment({ namespace, name: "constructor", replicas: 0 }),
      statefulSet({ namespace, name: "db", replicas: 2 }),
      daemonSet({ namespace, name: "agent" }),
      job({ namespace, name: "done", runFor: 100 }),
      barePod({ namespace, name: "lonely" }),
    ]);
    await mesh.waitReady(namespace);
    await eventually("the Job to end", async () =>
      (await mesh.pods(namespace, "app=done")).every((pod) => pod.status.phase === "Succeeded"),
    );
  });
  after(() => mesh?.down());

  const seen = () => agrees(mesh, "1.20.0", ["default", "1-20"], false);
  const labelled = (...labels: readonly string[]) =>
    mesh.kubectl(["label", "namespace", namespace, "--overwrite", ...labels]);
  const restarted = async (...workloads: readonly string[]) => {
    await mesh.kubectl(["rollout", "restart", "-n", namespace, ...workloads]);
    await mesh.waitReady(namespace);
    await eventually("old pods to be gone", async () =>
      (await mesh.pods(namespace)).every((pod) => pod.metadata.deletionTimestamp === undefined),
    );
  };

  test("before the move", async () => {
    const document = await seen();
    assert.deepEqual(document.default, { injects: "default", validates: "default" });
    assert.deepEqual(checksOf(document), []);
    const picture = namespaceOf(document, namespace);
    assert.equal(picture?.injection.kind === "injected" && picture.injection.revision, "default");
    assert.deepEqual(picture?.pods.injected, [{ revision: "default", pods: 13 }]);
    assert.equal(picture?.pods.synced, 13);
    assert.equal(picture?.pods.withoutSidecar, 1);
    assert.deepEqual(
      document.revisions.map(({ revision, installer }) => [revision, installer]),
      [
        ["1-20", "istioctl"],
        ["default", "istioctl"],
      ],
    );
  });

  test("relabelled, and nothing restarted yet", async () => {
    await labelled("istio-injection-", "istio.io/rev=1-20");
    const document = await seen();
    assert.deepEqual(checksOf(document), ["stale-workloads"]);
    assert.equal(namespaceOf(document, namespace)?.pods.stale, 13);
    const needed = document.workloads
      ?.filter((workload) => workload.namespace === namespace && workload.restartNeeded)
      .map(({ kind, name }) => `${kind}/${name}`);
    assert.deepEqual(sorted(needed ?? []), [
      "DaemonSet/agent",
      "Deployment/api",
      "Deployment/web",
      "Pod/lonely",
      "StatefulSet/db",
    ]);
  });

  test("half moved", async () => {
    await restarted("deployment/web", "statefulset/db");
    const document = await seen();
    assert.deepEqual(namespaceOf(document, namespace)?.pods.injected, [
      { revision: "default", pods: 8 },
      { revision: "1-20", pods: 5 },
    ]);
    assert.deepEqual(namespaceOf(document, namespace)?.pods.connected, [
      { revision: "default", pods: 8 },
      { revision: "1-20", pods: 5 },
    ]);
    const { stdout } = await mesh.run("mesh-revisions", ["-n", namespace]);
    assert.match(
      stdout,
      /^production +istio\.io\/rev=1-20 +1-20 +default \(8\), 1-20 \(5\) +default \(8\), 1-20 \(5\) +1 +8 +stale-workloads$/m,
    );
    assert.match(stdout, /^production +deployment\.apps\/web +3\/3 +1-20 +1-20 \(3\) +1-20 \(3\) +3\/3 +no$/m);
    assert.match(stdout, /^ {2}→ kubectl mesh-migrate -n production --to 1-20$/m);
  });

  test("moved", async () => {
    await restarted("deployment/api", "daemonset/agent");
    await mesh.kubectl(["delete", "pod", "lonely", "-n", namespace]);
    const document = await seen();
    assert.deepEqual(checksOf(document), []);
    assert.deepEqual(namespaceOf(document, namespace)?.pods.injected, [{ revision: "1-20", pods: 12 }]);
    assert.equal(revisionOf(document, "default")?.connectedProxies, 0);
  });

  test("several istiods of a revision: each proxy counted once", async () => {
    await mesh.scaleIstiod("1-20", 3);
    await restarted("deployment/web");
    const document = await seen();
    assert.deepEqual(revisionOf(document, "1-20")?.istiods, { ready: 3, desired: 3 });
    assert.equal(revisionOf(document, "1-20")?.connectedProxies, 12);
    await mesh.scaleIstiod("1-20", 1);
    await seen();
  });

  test("tags: set, used, moved, and a label that is a letter off", async () => {
    await mesh.setTag("prod", "default");
    await labelled("istio.io/rev=prod");
    const stale = await seen();
    assert.deepEqual(checksOf(stale), ["stale-workloads"]);
    assert.equal(namespaceOf(stale, namespace)?.pods.stale, 12);
    await mesh.setTag("prod", "1-20");
    assert.deepEqual(checksOf(await seen()), []);
    await labelled("istio.io/rev=prdo");
    assert.deepEqual(checksOf(await seen()), ["label-unserved", "sidecar-lost-at-restart"]);
    await labelled("istio.io/rev=prod", "istio-injection=enabled");
    assert.deepEqual(checksOf(await seen()), ["both-labels", "stale-workloads"]);
    await labelled("istio-injection-");
    assert.deepEqual(checksOf(await seen()), []);
    const { stdout } = await mesh.run("mesh-revisions", ["-o", "name"]);
    assert.equal(stdout, "revision/1-20\nrevision/default\ntag/default\ntag/prod\nnamespace/production\n");
  });

  test("the default moves from the un-revisioned install to 1-20, and back", async () => {
    await mesh.setTag("default", "1-20");
    const moved = await seen();
    assert.deepEqual(moved.default, { injects: "1-20", validates: "1-20" });
    await labelled("istio.io/rev-", "istio-injection=enabled");
    assert.deepEqual(checksOf(await seen(), "namespace/production"), []);
    // the validator's Service alone is patched: its label still names 1-20, its calls go to the un-revisioned istiod
    await mesh.kubectl([
      "patch",
      "validatingwebhookconfiguration",
      "istiod-default-validator",
      "--type=json",
      `--patch=${JSON.stringify([{ op: "replace", path: "/webhooks/0/clientConfig/service/name", value: "istiod" }])}`,
    ]);
    const disagreeing = await look(mesh);
    assert.deepEqual(disagreeing.default, { injects: "1-20", validates: "default" });
    assert.ok(checksOf(disagreeing).includes("defaults-disagree"));
    await mesh.setTag("default", "default");
    await labelled("istio-injection-", "istio.io/rev=prod");
    assert.deepEqual(checksOf(await seen()), []);
  });

  for (const how of ["unready", "unnoticed", "frozen"] as const) {
    test(`an istiod that is gone (${how}) is unknown, and the rest of the picture is there`, async (t) => {
      await mesh.stopIstiod("1-20", how);
      t.after(() => mesh.startIstiod("1-20"));
      const document = await look(mesh, "-n", namespace);
      assert.equal(revisionOf(document, "1-20")?.connectedProxies, null);
      assert.equal(revisionOf(document, "default")?.connectedProxies, 0);
      const { injected, connected, connectionUnknown, notConnected } = namespaceOf(document, namespace)?.pods ?? {};
      assert.deepEqual(
        [injected, connected, connectionUnknown, notConnected],
        [[{ revision: "1-20", pods: 12 }], [], 12, 0],
      );
      const checks = checksOf(document);
      assert.ok(checks.includes("istiod-silent"), checks.join());
      assert.equal(checks.includes("revision-not-ready"), how === "unready");
      assert.equal(namespaceOf(document, namespace)?.injection.kind, how === "unready" ? "refused" : "injected");
      const { code, stdout, stderr } = await mesh.run("mesh-revisions", []);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^1-20 +<none> +prod +1\.20\.0 +[01]\/1 +unknown +istioctl$/m);
      await mesh.startIstiod("1-20");
      await eventually(
        "the proxies to be back",
        async () => revisionOf(await look(mesh), "1-20")?.connectedProxies === 12,
      );
      await seen();
    });
  }

  test("what may not be read is unknown, and the right to grant is named", async () => {
    const rules = [
      { apiGroups: [""], resources: ["pods", "namespaces", "services"], verbs: ["get", "list", "watch"] },
      { apiGroups: ["apps"], resources: ["deployments", "replicasets"], verbs: ["get", "list", "watch"] },
      {
        apiGroups: ["admissionregistration.k8s.io"],
        resources: ["mutatingwebhookconfigurations"],
        verbs: ["get", "list"],
      },
    ];
    await mesh.apply([
      { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "half-viewer" }, rules },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "half-viewer" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "half-viewer" },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "ann" }],
      },
    ]);
    const document = await eventually("the role to work", async () => {
      const { code, stdout } = await mesh.run("mesh-revisions", ["--as", "ann", "-o", "json"]);
      return code === 0 && (JSON.parse(stdout) as RevisionsDocument);
    });
    assert.equal(revisionOf(document, "1-20")?.connectedProxies, null);
    assert.equal(document.default.validates, null);
    const told = document.findings.map(({ message }) => message).join("\n");
    for (const resource of ["pods/portforward", "statefulsets", "daemonsets", "validatingwebhookconfigurations"])
      assert.match(told, new RegExp(resource));

    const nobody = await mesh.run("mesh-revisions", ["--as", "nobody"]);
    assert.equal(nobody.code, 5);
    assert.equal(nobody.stdout, "");
    assert.match(nobody.stderr, /^error: .*forbidden/m);
  });

  test("a namespace that does not exist is refused; a selector that is none is wrong usage", async () => {
    const missing = await mesh.run("mesh-revisions", ["-n", "produktion"]);
    assert.deepEqual([missing.code, missing.stdout], [3, ""]);
    assert.match(missing.stderr, /produktion/);
    assert.equal((await mesh.run("mesh-revisions", ["-l", "app in web"])).code, 2);
  });

  test("-l selects as the API server does", async () => {
    for (const selector of ["app=web", "app in (web,api)", "app notin (web)", "!app", "app!=web,app"]) {
      const theirs = (
        await mesh.kubectl([
          "get",
          "deployments,statefulsets,daemonsets",
          "-n",
          namespace,
          "-l",
          selector,
          "-o",
          "name",
        ])
      )
        .split("\n")
        .filter((name) => name !== "");
      const { stdout } = await mesh.run("mesh-revisions", ["-n", namespace, "-l", selector, "-o", "name"]);
      const ours = stdout.split("\n").filter((name) => /^[a-z]+\.apps\//.test(name));
      assert.deepEqual(sorted(ours), sorted(theirs), selector);
    }
  });

  test("--watch tells what changes, and ends when told to", async () => {
    let child: import("node:child_process").ChildProcess | undefined;
    let text = "";
    const watching = mesh.run("mesh-revisions", ["--watch", "-o", "json"], {
      onStart: (started) => {
        child = started;
        started.stdout?.on("data", (piece: string) => {
          text += piece;
        });
      },
    });
    const documents = (): RevisionsDocument[] =>
      text
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line));
    await eventually("the first picture", async () => documents().length === 1);
    await labelled("istio.io/rev=prdo");
    await eventually(
      "the change",
      async () => documents().some((document) => checksOf(document).includes("label-unserved")),
      10,
    );
    await labelled("istio.io/rev=prod");
    await eventually("the change back", async () => checksOf(documents().at(-1) as RevisionsDocument).length === 0, 10);
    assert.ok(documents().every((document) => validate(document)));
    assert.ok(documents().length <= 4, `${documents().length} pictures of two changes`);
    child?.kill("SIGTERM");
    const { code, signal, stderr } = await watching;
    assert.ok(code === 143 || signal === "SIGTERM", `${code} ${signal}`);
    assert.equal(stderr, "");
  });

  test("it writes nothing but port-forwards", async () => {
    const since = new Date();
    await look(mesh, "-A");
    const entries = (await mesh.audit(since)).filter(({ userAgent }) => userAgent.startsWith("mesh-revisions"));
    assert.ok(entries.length > 10);
    assert.deepEqual(
      entries.filter(isWrite).map(({ verb, resource }) => `${verb} ${resource}`),
      [],
    );
  });

  test("a control plane that was removed under its proxies", async () => {
    await mesh.removeRevision("1-20");
    const document = await eventually("the revision to be gone", async () => {
      const document = await look(mesh, "-n", namespace);
      return (revisionOf(document, "1-20")?.deployment ?? null) === null && document;
    });
    // istioctl 1.20.0 takes hand-set tags along (istio/istio#47423)
    assert.deepEqual(checksOf(document, `namespace/${namespace}`), [
      "label-unserved",
      "sidecar-lost-at-restart",
      "control-plane-missing",
    ]);
    assert.deepEqual(namespaceOf(document, namespace)?.pods.injected, [{ revision: "1-20", pods: 12 }]);
    assert.deepEqual(namespaceOf(document, namespace)?.pods.connected, []);
    assert.equal(namespaceOf(document, namespace)?.pods.notConnected, 12);
  });
});

describe("1-28 and 1-29, with native sidecars", () => {
  let mesh: Mesh;
  const namespace = "production";
  before(async () => {
    mesh = await upMesh({ revisions: { "1-28": "1.28.2", "1-29": "1.29.1" } });
    await mesh.createNamespace({ "istio.io/rev": "1-28" }, namespace);
    await mesh.apply([deployment({ namespace, name: "web" }), statefulSet({ namespace, name: "db", replicas: 2 })]);
    await mesh.waitReady(namespace);
  });
  after(() => mesh?.down());

  const seen = () => agrees(mesh, "1.29.1", ["1-28", "1-29"], true);

  test("before, half moved and moved, with istioctl's own connections among the proxies", async () => {
    const first = await seen();
    assert.deepEqual(checksOf(first), []);
    assert.ok(first.revisions.every(({ installer }) => installer === "istioctl"));
    assert.deepEqual(first.default, { injects: "1-28", validates: "1-28" });
    await mesh.kubectl(["label", "namespace", namespace, "--overwrite", "istio.io/rev=1-29"]);
    await mesh.kubectl(["rollout", "restart", "-n", namespace, "deployment/web"]);
    await mesh.waitReady(namespace);
    assert.deepEqual(namespaceOf(await seen(), namespace)?.pods.injected, [
      { revision: "1-29", pods: 3 },
      { revision: "1-28", pods: 2 },
    ]);
    await mesh.kubectl(["rollout", "restart", "-n", namespace, "statefulset/db"]);
    await mesh.waitReady(namespace);
    const last = await seen();
    assert.deepEqual(checksOf(last), []);
    assert.equal(revisionOf(last, "1-28")?.connectedProxies, 0);
  });

  test("tags as istioctl gives them in JSON", async () => {
    await mesh.setTag("stable", "1-28");
    await mesh.setTag("rapid", "1-29");
    const theirs: { tag: string; revision: string }[] = JSON.parse(
      await mesh.istioctl("1.29.1", ["tag", "list", "-o", "json"]),
    );
    const { tags } = await seen();
    assert.deepEqual(
      sorted(tags.map(({ tag, revision }) => ({ tag, revision }))),
      sorted(theirs.filter(({ tag }) => tag !== "").map(({ tag, revision }) => ({ tag, revision }))),
    );
    assert.ok(tags.every(({ injects, webhook }) => injects && webhook !== null));
  });

  test("a tag that lost its webhook is only a Service", async () => {
    await mesh.kubectl(["delete", "mutatingwebhookconfiguration", "istio-revision-tag-rapid"]);
    const document = await look(mesh);
    assert.deepEqual(
      document.tags.find(({ tag }) => tag === "rapid"),
      { tag: "rapid", revision: "1-29", injects: false, webhook: null },
    );
    assert.deepEqual(checksOf(document), ["tag-without-webhook"]);
  });
});

test("revisions that Helm installed, with no default tag", async () => {
  await using mesh = await upMesh({ revisions: { "1-28": "1.28.2", "1-29": "1.29.1" }, helm: ["1-28", "1-29"] });
  const namespace = await mesh.createNamespace({ "istio.io/rev": "1-29" });
  await mesh.apply([deployment({ namespace, name: "web", replicas: 2 })]);
  await mesh.createNamespace({ "istio-injection": "enabled" }, "forgotten");
  await mesh.waitReady(namespace);
  const document = await agrees(mesh, "1.29.1", ["1-28", "1-29"], true);
  assert.ok(document.revisions.every(({ installer }) => installer === "helm"));
  assert.equal(document.default.injects, null);
  assert.deepEqual(checksOf(document), ["label-unserved"]);
  assert.equal(revisionOf(document, "1-29")?.connectedProxies, 2);
});

test("a cluster without Istio", async () => {
  await using mesh = await upMesh({ revisions: {} });
  const document = await look(mesh, "-A");
  assert.deepEqual([document.revisions, document.tags, document.findings], [[], [], []]);
  assert.ok(document.namespaces.every(({ injection }) => injection.kind === "none"));
  const { code, stdout, stderr } = await mesh.run("mesh-revisions", []);
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^No Istio control plane found/);
});
