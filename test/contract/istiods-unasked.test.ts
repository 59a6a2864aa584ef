/**
 * Control planes that cannot be asked which proxies they hold, or that are elsewhere: named as what they are, moved to
 * by the weaker proof where that is asked for, and never called gone. From kiali/kiali#4798 and
 * kubeflow/community-distribution#2296 (debug endpoints off), istio/istio#34867 and istio/istio#47552 (remote clusters
 * whose webhook calls a Service that leads out, or one that is not there).
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { deployment } from "../fixtures/workload-objects.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { carriedOut, migrate, migrateJson, settled } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import { refused, told } from "./refusal.ts";
import { grantRights } from "./rights-of-docs.ts";
import { assertArrived, documentOf, isReady, recordOf, revisionOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0", dark: "1.20.0", doomed: "1.20.0" } });
  await Promise.all([switchDebugOff("istiod-dark"), mesh.stopIstiod("doomed", "unready"), leadOut()]);
  await mesh.eventually(
    "istiod of doomed to be unready",
    async () => !(await deploymentOf("istiod-doomed")).status.readyReplicas,
  );
});
after(() => mesh?.[Symbol.asyncDispose]());

const own = "/apis/apps/v1/namespaces/istio-system/deployments";
const admission = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const deploymentOf = (name: string): Promise<Json> => mesh.api.get(`${own}/${name}`);
const podsOf = async (revision: string): Promise<readonly Json[]> =>
  (await mesh.pods("istio-system")).filter(({ metadata }) => metadata.labels?.["istio.io/rev"] === revision);

/** As Istio's security page advises: without the pages, 15014 answers 404. */
async function switchDebugOff(name: string): Promise<void> {
  const { spec } = await deploymentOf(name);
  const [container] = spec.template.spec.containers;
  const env = [...(container.env ?? []), { name: "ENABLE_DEBUG_ON_HTTP", value: "false" }];
  await mesh.api.merge(`${own}/${name}`, { spec: { template: { spec: { containers: [{ ...container, env }] } } } });
  await mesh.eventually("the new istiod alone", async () => {
    const { status, metadata } = await deploymentOf(name);
    const pods = await podsOf("dark");
    return status.observedGeneration >= metadata.generation && status.updatedReplicas === 1 && status.readyReplicas === 1 && pods.length === 1;
  }, 120); // biome-ignore format: one condition
}

/** Revision `far` as on a remote cluster, `asm-managed` as Google's, `named` by a hostname, `lost` of istio/istio#47552. */
async function leadOut(): Promise<void> {
  const { webhooks, metadata } = await mesh.api.get(`${admission}/istio-sidecar-injector-1-20`);
  const webhookOf = (revision: string, clientConfig: (found: Json) => Json): Json => ({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name: `istio-sidecar-injector-${revision}`, labels: { ...metadata.labels, "istio.io/rev": revision } },
    webhooks: webhooks.map((entry: Json) => ({
      ...JSON.parse(JSON.stringify(entry).replaceAll('"1-20"', JSON.stringify(revision))),
      clientConfig: clientConfig(entry.clientConfig),
    })),
  });
  const calling = (name: string) => (found: Json) => ({ ...found, service: { ...found.service, name } });
  const service = (name: string, spec: object): Json => ({
    ...{ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "istio-system" } },
    spec: { ports: [{ name: "https-webhook", port: 443, targetPort: 15017 }], ...spec },
  });
  await mesh.apply([
    webhookOf("far", calling("istiod-far")),
    service("istiod-far", {}),
    {
      ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", addressType: "IPv4" },
      metadata: {
        ...{ name: "istiod-far", namespace: "istio-system" },
        labels: { "kubernetes.io/service-name": "istiod-far" },
      },
      endpoints: [{ addresses: ["10.9.0.1"] }],
      ports: [{ name: "https-webhook", port: 15017, protocol: "TCP" }],
    },
    webhookOf("named", calling("istiod-named")),
    service("istiod-named", { type: "ExternalName", externalName: "istiod.example.com" }),
    webhookOf("asm-managed", ({ caBundle }) => ({ caBundle, url: "https://mesh.example.com/inject" })),
    webhookOf("lost", calling("istiod-lost")),
  ]);
}

const web = (namespace: string) => [deployment({ namespace, name: "web", replicas: 2 })];
const onDefault = () => settled(mesh, web);
const istiodOf = async (revision: string): Promise<string> => {
  const [pod] = await podsOf(revision);
  return `istiod istio-system/${pod?.metadata.name}`;
};

describe("control planes that are elsewhere, or cannot be asked", together(), () => {
  test("a target without debug endpoints is named as that, and moved to by the weaker proof", async () => {
    const namespace = await onDefault();
    const refusal = await refused(mesh, namespace, ["--to", "dark"], [`istiods-answer ${await istiodOf("dark")}`], 5);
    assert.match(told(refusal).message, /switched off \(ENABLE_DEBUG_ON_HTTP=false\)/);
    assert.doesNotMatch(told(refusal).remedy ?? "", /wait/);
    const command = refusal.accepting();
    assert.match(command, / --proof pods$/);
    const run = await carriedOut(mesh, command);
    assert.match(run.stdout, /injected by it, ready and configured for it; whether each is connected was not asked/);
    // An istiod without debug endpoints tells a test as little as it tells us: the others say that they hold none.
    const pods = await mesh.pods(namespace);
    assert.deepEqual(
      pods.map((pod) => [revisionOf(pod), isReady(pod)]),
      [
        ["dark", true],
        ["dark", true],
      ],
    );
    const held = await mesh.heldProxies(["default", "1-20"]);
    assert.deepEqual(
      pods.flatMap(({ metadata: { name } }) => held.get(`${name}.${namespace}`) ?? []),
      [],
    );
    assert.equal((await recordOf(mesh, namespace)).proof, "pods");
    const { items } = await mesh.api.get(`/api/v1/namespaces/${namespace}/events`);
    const told_ = items.filter(({ reason }: Json) => reason === "MeshMigrated").map(({ message }: Json) => message);
    assert.match(told_.join("\n"), /2 pods injected by it and ready; whether each is connected was not asked/);
    const back = await mesh.run("mesh-rollback", ["-n", namespace, "--proof", "pods", "-o", "json"]);
    assert.deepEqual([back.code, JSON.parse(back.stdout).proof], [0, "connections"], back.stdout + back.stderr);
  });

  test("where every istiod answers, the flag lowers nothing", async () => {
    const namespace = await onDefault();
    const run = await migrate(mesh, namespace, "1-20", ["--proof", "pods", "-o", "json"]);
    const { state, proof, unasked } = documentOf(run);
    assert.deepEqual([state, proof, unasked], ["done", "connections", undefined]);
  });

  test("without the right to port-forward it is said which right to get", async () => {
    const namespace = await onDefault();
    const user = `no-forward-${namespace}`;
    await grantRights(mesh, user, undefined);
    const roles = "/apis/rbac.authorization.k8s.io/v1";
    for (const path of [`${roles}/clusterroles/${user}`, `${roles}/namespaces/istio-system/roles/${user}`]) {
      const { rules } = await mesh.api.get(path);
      const others = rules.filter(({ resources }: Json) => !resources.includes("pods/portforward"));
      await mesh.api.merge(path, { rules: others });
    }
    const args = ["-n", namespace, "--to", "1-20", "--as", user];
    const { code, stderr } = await mesh.run("mesh-migrate", args);
    assert.equal(code, 5, stderr);
    assert.match(stderr, /the right to port-forward to it is missing/);
    assert.match(stderr, /verbs get and create on pods\/portforward in namespace istio-system/);
    const less = await mesh.run("mesh-migrate", [...args, "--proof", "pods", "-o", "json"]);
    assert.deepEqual([less.code, JSON.parse(less.stdout).proof], [0, "pods"], less.stdout + less.stderr);
    await assertArrived(mesh, namespace, "1-20", { among: ["default", "1-20"] });
  });

  test("an old control plane that is down does not keep its workloads", async () => {
    await mesh.startIstiod("doomed");
    await mesh.eventually(
      "istiod of doomed",
      async () => (await deploymentOf("istiod-doomed")).status.readyReplicas === 1,
    );
    const namespace = await mesh.createNamespace({ "istio.io/rev": "doomed" });
    await mesh.apply(web(namespace));
    await mesh.waitReady(namespace);
    await mesh.stopIstiod("doomed", "unready");
    await mesh.eventually("it to be unready", async () => !(await deploymentOf("istiod-doomed")).status.readyReplicas);
    const document = await migrateJson(mesh, namespace, "1-20");
    assert.deepEqual([document.state, document.proof], ["done", "connections"], JSON.stringify(document));
    assert.ok(document.findings.some(({ check, severity }) => check === "istiods-answer" && severity === "warning"));
    await assertArrived(mesh, namespace, "1-20", { among: ["default", "1-20"] });
  });

  const elsewhere = { far: "external", named: "external", "asm-managed": "managed", lost: "missing" } as const;
  test("what is elsewhere is shown so; only what certainly nothing answers is missing", async () => {
    for (const revision of Object.keys(elsewhere)) await mesh.createNamespace({ "istio.io/rev": revision });
    const { stdout, code } = await mesh.run("mesh-revisions", ["-o", "json"]);
    assert.equal(code, 0);
    const { revisions, findings } = JSON.parse(stdout);
    for (const [revision, where] of Object.entries(elsewhere))
      assert.equal(revisions.find((each: Json) => each.revision === revision).whereabouts, where, revision);
    const words = findings.filter(({ object }: Json) =>
      Object.keys(elsewhere).includes(object.replace("revision/", "")),
    );
    assert.deepEqual(words.map(({ check, object }: Json) => `${check} ${object}`), ["webhook-without-deployment revision/lost"]); // biome-ignore format: one line
  });

  for (const revision of ["far", "asm-managed"])
    test(`${revision}, a control plane elsewhere, as the target: not known, and the weaker proof is offered`, async () => {
      const namespace = await onDefault();
      const refusal = await refused(mesh, namespace, ["--to", revision], [`target-ready revision/${revision}`], 5);
      assert.match(told(refusal).message, /runs outside this cluster/);
      assert.match(refusal.accepting(), / --proof pods$/);
      assert.doesNotMatch(refusal.stderr, /istioctl install|kubectl delete/);
    });
});
