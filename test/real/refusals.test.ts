/** Every refusal of a migration, each on a namespace made for it, with what it names and what it proposes, and that nothing is changed by it. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually, isWrite, type Json, type Mesh, upMesh } from "./kit.ts";
import { runProgram } from "./mesh/process.ts";
import { ensureBuilt, fileOf } from "./mesh/programs.ts";
import { type Refused, refused as refusedOn, type Told, writesTo } from "./refusal.ts";
import { assertArrived, heldProxies, isReady, labelsOf, listed, revisionOf, runShell } from "./witness.ts";
import { deployment, gateway, statefulSet } from "./workloads.ts";

let mesh: Mesh;
/** Namespaces that a command was accepted for, and may have written to. */
const written = new Set<string>();
let begun: Date;

before(async () => {
  mesh = await upMesh({ revisions: { default: "1.28.2", "1-29": "1.29.1" }, gatewayApi: true });
  await mesh.setTag("steady", "default");
  begun = new Date();
});
after(() => mesh?.down());

const to = ["--to", "1-29"];
const refused = (namespace: string, reasons: readonly string[], args: readonly string[] = to): Promise<Refused> =>
  refusedOn(mesh, namespace, args, reasons);

/** A namespace that the un-revisioned install injects, with its workloads ready. */
async function inNamespace(make: (namespace: string) => readonly object[], labels: Readonly<Record<string, string>> = {}): Promise<string> {
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled", ...labels });
  await mesh.apply(make(namespace));
  await mesh.waitReady(namespace);
  return namespace;
}

const web = (namespace: string) => [deployment({ namespace, name: "web", replicas: 2 })];

/** Runs a command as it was printed, and holds that it goes through. */
async function done(namespace: string, command: string): Promise<string> {
  written.add(namespace);
  const { code, stdout, stderr } = await runShell(mesh, command);
  assert.equal(code, 0, `${command}\n${stdout}${stderr}`);
  return stdout;
}

const migrate = (namespace: string) => `kubectl mesh-migrate -n ${namespace} --to 1-29`;
const told = ({ reasons: [first] }: Refused): Told => {
  assert.ok(first);
  return first;
};
/** The command at the end of a remedy, or within its quotes. */
const commandIn = ({ remedy = "" }: Told): string => {
  const command = /kubectl .*$/.exec(remedy)?.[0];
  assert.ok(command, remedy);
  return command;
};

describe("namespaces that their own labels do not inject", { concurrency: 3 }, () => {
  test("istio-injection=disabled, which istio.io/rev would not lift", async () => {
    const namespace = await inNamespace(web, { "istio-injection": "disabled", "istio.io/rev": "1-29" });
    const finding = told(await refused(namespace, [`namespaces-injected namespace/${namespace}`]));
    assert.match(finding.message, /^istio-injection=disabled keeps every sidecar out/);
    await mesh.kubectl(commandIn(finding).split(" ").slice(1));
    assert.deepEqual(await labelsOf(mesh, namespace), { "istio.io/rev": "1-29" });
  });

  test("ambient", async () => {
    const namespace = await mesh.createNamespace({ "istio.io/dataplane-mode": "ambient" });
    await mesh.apply(web(namespace));
    assert.match(told(await refused(namespace, [`namespaces-injected namespace/${namespace}`])).message, /ambient mode/);
  });

  test("unlabelled", async () => {
    const namespace = await mesh.createNamespace({});
    await mesh.apply(web(namespace));
    const finding = told(await refused(namespace, [`namespaces-injected namespace/${namespace}`]));
    assert.match(finding.remedy ?? "", new RegExp(`kubectl label namespace ${namespace} istio.io/rev=1-29$`));
  });

  test("injected by the labels of pod templates, which are named", async () => {
    const namespace = await mesh.createNamespace({});
    await mesh.apply([
      deployment({ namespace, name: "asks", labels: { "sidecar.istio.io/inject": "true" } }),
      statefulSet({ namespace, name: "names", labels: { "istio.io/rev": "default", "sidecar.istio.io/inject": "true" } }),
      deployment({ namespace, name: "plain" }),
    ]);
    await mesh.waitReady(namespace);
    const injected = (await mesh.pods(namespace)).filter((pod) => revisionOf(pod) === "default");
    assert.equal(injected.length, 6);
    const { message, remedy } = told(await refused(namespace, [`namespaces-injected namespace/${namespace}`]));
    assert.match(message, /injected by labels of their own \(deployment\/asks and statefulset\/names\)$/);
    assert.equal(
      remedy,
      `set istio.io/rev: 1-29 in the pod templates of deployment/asks and statefulset/names in namespace ${namespace}, where they are kept`,
    );
  });

  test("those of Kubernetes and of Istio itself", async () => {
    for (const namespace of ["kube-system", "istio-system"]) {
      assert.match(
        told(await refused(namespace, [`namespaces-injected namespace/${namespace}`])).message,
        /belongs to Kubernetes or to Istio/,
      );
    }
  });
});

describe("whoever else reads the label", { concurrency: 3 }, () => {
  test("discoverySelectors that would lose the namespace", async () => {
    const namespace = await inNamespace(web, { scenario: "discovery" });
    const where = "/api/v1/namespaces/istio-system/configmaps/istio-1-29";
    const { data } = await mesh.api.get(where);
    const selectors = [
      { matchExpressions: [{ key: "scenario", operator: "NotIn", values: ["discovery"] }] },
      { matchLabels: { "istio-injection": "enabled" } },
    ];
    await mesh.api.merge(where, { data: { mesh: `${data.mesh.trimEnd()}\ndiscoverySelectors: ${JSON.stringify(selectors)}\n` } });
    const finding = told(await refused(namespace, ["discovery-selectors istio-system/istio-1-29"]));
    assert.match(finding.message, new RegExp(`revision 1-29 sees namespace ${namespace} by the labels .* would lose it$`));
    await mesh.api.merge(where, { data });
    await done(namespace, migrate(namespace));
  });

  test("a NetworkPolicy of another namespace", async () => {
    const namespace = await inNamespace(web, { scenario: "network-policy" });
    const guarded = await mesh.createNamespace({});
    const from = (matchLabels: object) => ({ from: [{ namespaceSelector: { matchLabels } }] });
    const ingress = [from({ team: "a" }), from({ "istio-injection": "enabled", scenario: "network-policy" })];
    await mesh.apply({
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "meshed-only", namespace: guarded },
      spec: { podSelector: {}, ingress },
    });
    const refusal = await refused(namespace, [`network-policies ${guarded}/NetworkPolicy/meshed-only`]);
    assert.match(told(refusal).message, new RegExp(`^ingress rule 2 selects .* would no longer select ${namespace}$`));
    assert.match(refusal.accepting(), / --skip-check network-policies$/);
    await done(namespace, refusal.accepting());
    await assertArrived(mesh, namespace, "1-29");
  });

  test("webhooks and admission policies of others", async () => {
    const namespace = await inNamespace(web, { scenario: "admission" });
    const matchLabels = { "istio-injection": "enabled", scenario: "admission" };
    const none = { apiGroups: ["example.com"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["nothings"] };
    const webhook = {
      name: "check.example.com",
      clientConfig: { url: "https://127.0.0.1:1/" },
      ...{ admissionReviewVersions: ["v1"], sideEffects: "None", failurePolicy: "Ignore", rules: [none] },
      namespaceSelector: { matchLabels },
    };
    const api = { apiVersion: "admissionregistration.k8s.io/v1" };
    const policy = { failurePolicy: "Ignore", validations: [{ expression: "true" }] };
    await mesh.apply([
      { ...api, kind: "MutatingWebhookConfiguration", metadata: { name: "defaults" }, webhooks: [webhook] },
      { ...api, kind: "ValidatingWebhookConfiguration", metadata: { name: "rules" }, webhooks: [webhook] },
      {
        ...{ ...api, kind: "ValidatingAdmissionPolicy", metadata: { name: "pods-in-mesh" } },
        spec: { ...policy, matchConstraints: { resourceRules: [none] } },
      },
      {
        ...{ ...api, kind: "ValidatingAdmissionPolicyBinding", metadata: { name: "pods-in-mesh-here" } },
        spec: { policyName: "pods-in-mesh", validationActions: ["Deny"], matchResources: { namespaceSelector: { matchLabels } } },
      },
      {
        ...{ ...api, kind: "ValidatingAdmissionPolicy", metadata: { name: "namespaces-in-mesh" } },
        spec: {
          ...policy,
          matchConstraints: {
            resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["DELETE"], resources: ["namespaces"] }],
            objectSelector: { matchLabels },
          },
        },
      },
    ]);
    const refusal = await refused(namespace, [
      "admission-readers MutatingWebhookConfiguration/defaults",
      "admission-readers ValidatingWebhookConfiguration/rules",
      "admission-readers ValidatingAdmissionPolicyBinding/pods-in-mesh-here",
      "admission-readers ValidatingAdmissionPolicy/namespaces-in-mesh",
    ]);
    assert.match(refusal.stderr, /webhook check\.example\.com selects namespaces by the labels that are to be changed/);
    await done(namespace, refusal.accepting());
  });
});

describe("whoever owns the label", { concurrency: 3 }, () => {
  const nameOf = () => `ns-${randomBytes(4).toString("hex")}`;
  const namespaceObject = (name: string, labels: object, annotations = {}) =>
    JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels, annotations } });
  /** Writes a namespace as a tool does that signs with this manager. */
  const applyAs = async (manager: string, object: string, ...flags: string[]): Promise<void> => {
    await mesh.kubectl(["apply", ...flags, `--field-manager=${manager}`, "-f", "-"], { input: object });
  };

  test("Flux: refused, and only restarted once the source says it", async () => {
    const name = nameOf();
    const marks = { "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" };
    const reconcile = (labels: object) => applyAs("kustomize-controller", namespaceObject(name, { ...marks, ...labels }), "--server-side");
    await reconcile({ "istio-injection": "enabled" });
    await mesh.apply(web(name));
    await mesh.waitReady(name);
    const refusal = await refused(name, [`label-owner namespace/${name}`]);
    assert.match(told(refusal).message, /^Flux keeps istio-injection of this namespace and would put it back$/);
    assert.match(
      told(refusal).remedy ?? "",
      /Git source of Flux object flux-system\/apps .*\(no istio-injection, and istio\.io\/rev: 1-29\)/,
    );
    assert.match(refusal.accepting(), / --skip-check label-owner$/);
    await reconcile({ "istio.io/rev": "1-29" });
    assert.match(await done(name, migrate(name)), /^moved 1 workload \(2 pods\)/m);
    await assertArrived(mesh, name, "1-29");
    const { metadata } = await mesh.api.get(`/api/v1/namespaces/${name}`);
    const owner = metadata.managedFields.filter(
      (each: Json) => each.fieldsV1["f:metadata"]?.["f:labels"]?.["f:istio.io/rev"] !== undefined,
    );
    assert.deepEqual(
      owner.map(({ manager }: Json) => manager),
      ["kustomize-controller"],
    );
  });

  test("Argo CD, with server-side apply and without", async () => {
    for (const flags of [["--server-side"], []]) {
      const name = nameOf();
      const mark = { "argocd.argoproj.io/tracking-id": `shop:/Namespace:${name}/${name}` };
      await applyAs("argocd-controller", namespaceObject(name, { "istio.io/rev": "default" }, mark), ...flags);
      const finding = told(await refused(name, [`label-owner namespace/${name}`]));
      assert.match(finding.message, /^Argo CD keeps istio\.io\/rev of this namespace/);
      assert.match(finding.remedy ?? "", /Argo CD application shop .*\(istio\.io\/rev: 1-29\)/);
    }
  });

  test("Helm, as it installs a chart", async () => {
    const name = nameOf();
    const chart = path.join(mesh.dir, "chart");
    fs.mkdirSync(path.join(chart, "templates"), { recursive: true });
    fs.writeFileSync(path.join(chart, "Chart.yaml"), "apiVersion: v2\nname: tenants\nversion: 1.0.0\n");
    fs.writeFileSync(path.join(chart, "templates", "namespace.json"), namespaceObject(name, { "istio-injection": "enabled" }));
    await ensureBuilt(["helm"]);
    const env = { ...process.env, KUBECONFIG: mesh.kubeconfig, HOME: mesh.dir };
    await runProgram(fileOf("helm", "bin/helm"), ["install", "tenants", chart, "-n", "default"], { env });
    const finding = told(await refused(name, [`label-owner namespace/${name}`]));
    assert.match(finding.message, /^Helm keeps istio-injection of this namespace/);
    assert.match(finding.remedy ?? "", /Helm release default\/tenants /);
  });

  test("a manifest applied by hand is only warned of, and one that says nothing of the label is nothing", async () => {
    const [name, plain] = [nameOf(), nameOf()];
    await applyAs("kubectl-client-side-apply", namespaceObject(name, { "istio-injection": "enabled" }));
    const run = await mesh.run("mesh-migrate", ["-n", name, ...to, "--dry-run=server"]);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /^warning: namespace\/.* the next 'kubectl apply' would put it back \[label-owner\]$/m);
    await applyAs("argocd-controller", namespaceObject(plain, { team: "a" }), "--server-side");
    await mesh.kubectl(["label", "namespace", plain, "istio-injection=enabled"]);
    const other = await mesh.run("mesh-migrate", ["-n", plain, ...to, "--dry-run=server"]);
    assert.deepEqual([other.code, /label-owner/.test(other.stdout)], [0, false], other.stdout + other.stderr);
  });
});

describe("gateways", { concurrency: 2 }, () => {
  const managed = (namespace: string, name: string) => ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { namespace, name },
    spec: { gatewayClassName: "istio", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
  });
  /** Its pods, once there is one, and with these labels too. */
  const deployed = (namespace: string, name: string, labels = "") =>
    eventually(`the pod of Gateway ${name}`, async () => {
      const selector = `gateway.networking.k8s.io/gateway-name=${name}`;
      const [all, wanted] = await Promise.all([mesh.pods(namespace, selector), mesh.pods(namespace, selector + labels)]);
      return all.length === 1 && wanted.length === 1 && wanted.every(isReady) && wanted;
    });
  const uidsOf = (pods: readonly Json[]) => pods.map(({ metadata }) => metadata.uid);

  test("an unpinned Gateway would lose its configuration with an old control plane of 1.28.2; pinned it stays", async () => {
    const namespace = await inNamespace((name) => [...web(name), managed(name, "edge")]);
    await deployed(namespace, "edge");
    const refusal = await refused(namespace, [`gateways-pinned ${namespace}/Gateway/edge`]);
    assert.match(
      told(refusal).message,
      /would move to 1-29 at once; Istio 1\.28\.2 of revision default .* up to 30 s .*istio\/istio#59959/,
    );
    assert.match(refusal.accepting(), new RegExp(` --allow-downtime ${namespace}/gateway/edge$`));
    await mesh.kubectl(commandIn(told(refusal)).split(" ").slice(1));
    const pinned = await deployed(namespace, "edge", ",istio.io/rev=default"); // istiod puts the Gateway's labels on its pods
    await done(namespace, migrate(namespace));
    await assertArrived(mesh, namespace, "1-29", { of: ({ metadata }) => metadata.labels.app === "web" });
    assert.deepEqual(uidsOf(await deployed(namespace, "edge")), uidsOf(pinned));
  });

  test("and moves when it is named", async () => {
    const namespace = await inNamespace((name) => [...web(name), managed(name, "edge")]);
    await deployed(namespace, "edge");
    const refusal = await refused(namespace, [`gateways-pinned ${namespace}/Gateway/edge`]);
    assert.match(await done(namespace, refusal.accepting()), /^warning: .*Gateway\/edge: .*accepted by --allow-downtime/m);
  });

  test("an injected gateway among the applications", async () => {
    const namespace = await inNamespace((name) => [...web(name), gateway({ namespace: name, name: "ingress", replicas: 2 })]);
    const refusal = await refused(namespace, [`gateway-workloads ${namespace}/Deployment/ingress`]);
    await done(namespace, `${migrate(namespace)} --leave deployment/ingress`);
    const isIngress = ({ metadata }: Json) => metadata.labels.app === "ingress";
    assert.deepEqual([...new Set((await mesh.pods(namespace)).filter(isIngress).map(revisionOf))], ["default"]);
    await done(namespace, refusal.accepting());
    await assertArrived(mesh, namespace, "1-29");
  });
});

describe("workloads", { concurrency: 3 }, () => {
  test("unhealthy before it began", async () => {
    const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
    await mesh.apply([...web(namespace), deployment({ namespace, name: "sick", replicas: 1, life: "crash" })]);
    await eventually("the pods of web, and a crash", async () => {
      const pods = await mesh.pods(namespace);
      return (
        pods.filter(isReady).length >= 2 && pods.some(({ status }) => status.containerStatuses?.some((each: Json) => each.restartCount > 0))
      );
    });
    // it goes on crashing: what the refusal leaves alone is its spec
    const refusal = await eventually("a moment without a restart of the crashing pod", () =>
      refused(namespace, [`workloads-healthy ${namespace}/Deployment/sick`]),
    );
    assert.match(told(refusal).message, /^it is not healthy as it is: \S/);
    assert.match(told(refusal).remedy ?? "", new RegExp(`kubectl -n ${namespace} rollout status deployment/sick$`));
    assert.match(await done(namespace, refusal.accepting()), /deployment\/sick .* --leave/);
    await assertArrived(mesh, namespace, "1-29", { of: ({ metadata }) => metadata.labels.app === "web" });
  });

  test("one replica: Recreate, StatefulSet and maxSurge 0", async () => {
    const stopping = { strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } };
    const namespace = await inNamespace((name) => [
      deployment({ namespace: name, name: "recreate", replicas: 1, spec: { strategy: { type: "Recreate" } } }),
      deployment({ namespace: name, name: "stops", replicas: 1, spec: stopping }),
      deployment({ namespace: name, name: "surges", replicas: 1 }),
      statefulSet({ namespace: name, name: "db", replicas: 1 }),
    ]);
    const named = ["Deployment/recreate", "Deployment/stops", "StatefulSet/db"].map((name) => `${namespace}/${name}`);
    const refusal = await refused(
      namespace,
      named.map((name) => `downtime ${name}`),
    );
    for (const name of named) assert.match(refusal.accepting(), new RegExp(` --allow-downtime ${name.toLowerCase()}( |$)`));
    await done(namespace, refusal.accepting());
    await assertArrived(mesh, namespace, "1-29");
  });

  test("all of several at once", async () => {
    const namespace = await inNamespace((name) => [
      deployment({ namespace: name, name: "recreate", replicas: 2, spec: { strategy: { type: "Recreate" } } }),
      deployment({ namespace: name, name: "wild", replicas: 3, spec: { strategy: { rollingUpdate: { maxUnavailable: "100%" } } } }),
    ]);
    await refused(
      namespace,
      ["recreate", "wild"].map((name) => `downtime ${namespace}/Deployment/${name}`),
    );
  });

  test("a volume of one node with a surge", async () => {
    const namespace = await inNamespace((name) => [
      {
        ...{ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { namespace: name, name: "data" } },
        spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
      },
      deployment({
        ...{ namespace: name, name: "files", replicas: 2 },
        podSpec: { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] },
      }),
    ]);
    const refusal = await refused(namespace, [`volumes ${namespace}/Deployment/files`]);
    assert.match(told(refusal).message, /has to mount data beside the old one, .*ReadWriteOnce/);
    await done(namespace, refusal.accepting());
  });

  test("a host port with a surge", async () => {
    const ports = [{ containerPort: 80, hostPort: 8443 }];
    const namespace = await inNamespace((name) => [
      deployment({ namespace: name, name: "edge", replicas: 2, podSpec: { containers: [{ name: "app", image: "app", ports }] } }),
    ]);
    assert.match(
      told(await refused(namespace, [`host-ports ${namespace}/Deployment/edge`])).message,
      /host port 8443 while the old ones hold it/,
    );
  });

  test("a quota without room for one pod more, and with it", async () => {
    const container = { name: "app", image: "app", resources: { requests: { cpu: "200m" } } };
    const namespace = await inNamespace((name) => [deployment({ namespace: name, name: "web", podSpec: { containers: [container] } })]);
    const cpu = (hard: object) => ({
      ...{ apiVersion: "v1", kind: "ResourceQuota", metadata: { namespace, name: "team" } },
      spec: { hard },
    });
    const limit = async (hard: Readonly<Record<string, string>>) => {
      await mesh.apply(cpu(hard));
      await eventually("the quota to be counted", async () => {
        const { status } = await mesh.api.get(`/api/v1/namespaces/${namespace}/resourcequotas/team`);
        return Object.keys(hard).every((key) => status.used?.[key] !== undefined && status.hard?.[key] === hard[key]);
      });
    };
    await limit({ pods: "3" });
    const pods = told(await refused(namespace, [`quota ${namespace}/Deployment/web`]));
    assert.match(pods.message, /one pod more .* quota team has no room \(pods: 3 of 3 used\)$/);
    await limit({ pods: "10", "requests.cpu": "1" }); // three of 300m, with the sidecar's 100m
    const full = await refused(namespace, [`quota ${namespace}/Deployment/web`]);
    assert.match(told(full).message, /\(requests\.cpu: 900m of 1 used\)$/);
    await limit({ pods: "4", "requests.cpu": "1200m" });
    await done(namespace, migrate(namespace));
    await assertArrived(mesh, namespace, "1-29");
  });

  test("pods of a ReplicaSet that no workload owns", async () => {
    const namespace = await inNamespace(web);
    const { spec } = deployment({ namespace, name: "old", replicas: 1 }) as Json;
    await mesh.apply({ apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { namespace, name: "old" }, spec });
    await eventually("its pod", async () => (await mesh.pods(namespace, "app=old")).some(isReady));
    await refused(namespace, [`pods-owned ${namespace}/ReplicaSet/old`]);
  });

  test("a slip in --leave, --allow-downtime or --skip-check", async () => {
    const namespace = await inNamespace(web);
    const args = ["--leave", "deployment/wbe", "--allow-downtime", "sts/web", "--skip-check", "quotas"];
    const { reasons } = await refused(
      namespace,
      ["names-exist --leave deployment/wbe", "names-exist --allow-downtime sts/web", "skip-check-known --skip-check quotas"],
      [...to, ...args],
    );
    const said = new Map(reasons.map(({ object, message }) => [object, message]));
    assert.match(said.get("--leave deployment/wbe") ?? "", /, did you mean deployment\/web\?$/);
    assert.match(said.get("--skip-check quotas") ?? "", /, did you mean quota\?$/);
  });
});

test("a migration to another target that is not finished is finished first", async () => {
  const namespace = await inNamespace((name) => ["web", "api"].map((each) => deployment({ namespace: name, name: each, replicas: 2 })));
  written.add(namespace);
  await mesh.kubectl(["label", "deployment", "-n", namespace, "web", "wave=first"]);
  const half = await mesh.run("mesh-migrate", ["-n", namespace, ...to, "-l", "wave=first"]);
  assert.equal(half.code, 4, half.stderr);
  assert.deepEqual([...new Set((await mesh.pods(namespace)).map(revisionOf))].toSorted(), ["1-29", "default"]);
  const finding = told(await refused(namespace, [`no-other-migration namespace/${namespace}`], ["--to", "steady"]));
  assert.match(finding.message, /^a migration to 1-29 \(revision 1-29\) was begun and is not finished$/);
  const command = /finish it: ([^;]*);/.exec(finding.remedy ?? "")?.[1];
  assert.equal(command, migrate(namespace));
  await done(namespace, command ?? "");
  await assertArrived(mesh, namespace, "1-29");
});

test("a ghost connection of istioctl is not a proxy", async () => {
  const namespace = await inNamespace(web);
  await mesh.istioctl("1.28.2", ["proxy-status"]);
  await mesh.istioctl("1.29.1", ["proxy-status", "--revision", "1-29"]);
  const isGhost = (proxy: string) => proxy === "test-1.default";
  const ghosts = async () => [...(await heldProxies(mesh))].flatMap(([proxy, held]) => (isGhost(proxy) ? held : []));
  assert.deepEqual(new Set((await ghosts()).map(({ revision }) => revision)), new Set(["1-29", "default"]));

  const { stdout } = await mesh.run("mesh-revisions", ["-o", "json"]);
  const held = [...(await heldProxies(mesh))].flatMap(([proxy, each]) => (isGhost(proxy) ? [] : each));
  const shown = JSON.parse(stdout).revisions.map(({ revision, connectedProxies }: Json) => [revision, connectedProxies]);
  const countOf = (name: string) => held.filter(({ revision }) => revision === name).length;
  assert.ok(countOf("default") >= 2);
  assert.deepEqual(
    shown,
    ["1-29", "default"].map((name) => [name, countOf(name)]),
  );
  assert.match(await done(namespace, migrate(namespace)), /^moved 1 workload \(2 pods\)/m);
  await assertArrived(mesh, namespace, "1-29");
  assert.ok((await ghosts()).length > 0, "they were there all the while");
});

describe("an istiod that does not answer", () => {
  for (const [revision, how] of [
    ["default", "frozen"],
    ["1-29", "unnoticed"],
  ] as const)
    test(`${revision}, ${how}: cannot tell`, async () => {
      const namespace = await inNamespace(web);
      const pods = await listed(mesh, ["pods", "-n", "istio-system", "-l", `app=istiod,istio.io/rev=${revision}`]);
      await mesh.stopIstiod(revision, how);
      try {
        const reasons = pods.map(({ metadata }) => `istiods-answer istiod istio-system/${metadata.name}`);
        const { message } = told(await refusedOn(mesh, namespace, to, reasons, 5));
        assert.match(message, new RegExp(`^this istiod of revision ${revision} did not say which proxies it holds: \\S`));
      } finally {
        await mesh.startIstiod(revision);
      }
      await done(namespace, migrate(namespace));
    });
});

test("nothing was written anywhere but where a command was accepted", async () => {
  const entries = (await mesh.audit(begun)).filter((entry) => entry.userAgent.startsWith("mesh-migrate/") && isWrite(entry));
  const touched = new Set(entries.map(({ namespace, resource, name }) => (resource === "namespaces" ? name : namespace)));
  assert.deepEqual(
    [...touched].filter((namespace) => !written.has(namespace)),
    [],
  );
  const [some] = written;
  assert.ok(some !== undefined && (await writesTo(mesh, some, begun)).length > 0, "the log does tell of writes");
});
