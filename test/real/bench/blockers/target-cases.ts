/** Targets that are no mesh with the old control plane, or lack what its proxies need. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { deployment } from "../../../fixtures/workload-objects.ts";
import { eventually, type Json } from "../../kit.ts";
import { runProgram } from "../../mesh/process.ts";
import { assertAllOn, type BlockerCase, changeMeshConfig, configurationOf, endOf } from "./case.ts";
import { fingerprint, handshake, identityFrom } from "./identity.ts";

const web = (namespace: string) => deployment({ namespace, name: "web", replicas: 2 });
const enabled = { "istio-injection": "enabled" };
const undo: { providers?: () => Promise<void> } = {};

/** A root and an intermediate that no istiod of the mesh knows, as `cacerts` has them. */
const otherRoot = path.join(tmpdir(), `kubectl-mesh-cacerts-${process.pid}`);
export async function createOtherRoot(): Promise<void> {
  mkdirSync(otherRoot, { recursive: true });
  process.once("exit", () => rmSync(otherRoot, { recursive: true, force: true }));
  const file = (name: string) => path.join(otherRoot, name);
  const openssl = (...args: string[]) =>
    runProgram("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...args]);
  await openssl("-subj", "/O=other/CN=root", "-keyout", file("root-key.pem"), "-out", file("root-cert.pem"));
  await openssl(
    ...["-CA", file("root-cert.pem"), "-CAkey", file("root-key.pem"), "-subj", "/O=other/CN=intermediate"],
    ...["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
    ...["-keyout", file("ca-key.pem"), "-out", file("ca-cert.pem")],
  );
  await runProgram("sh", [
    "-c",
    `cat "${file("ca-cert.pem")}" "${file("root-cert.pem")}" > "${file("cert-chain.pem")}"`,
  ]);
}

export const targetCases: readonly BlockerCase[] = [
  {
    check: "root-of-trust",
    setUp:
      "a target whose istiod has a CA of its own (`cacerts`), beside the self-signed one of the old; Deployment `web`",
    to: "other-root",
    alone: true,
    revisions: [["other-root", "1.20.0", [`pilot.env.ROOT_CA_DIR=${otherRoot}`]]],
    prepare: ({ mesh, namespace }) => mesh.apply([web(namespace)]),
    accept: () => [],
    happened: async (stage, wentOn) => {
      const { mesh, namespace } = stage;
      const elsewhere = await mesh.createNamespace(enabled);
      const [stays, other, moved] = await Promise.all([
        identityFrom(mesh, "default", elsewhere),
        identityFrom(mesh, "default", namespace),
        identityFrom(mesh, "other-root", namespace),
      ]);
      assert.notEqual(fingerprint(stays.root), fingerprint(moved.root));
      assert.equal(await handshake(stays, other), undefined, "two of one istiod trust each other");
      const [there, back] = [await handshake(stays, moved), await handshake(moved, stays)];
      assert.ok(there !== undefined && back !== undefined);
      return `${endOf(wentOn)}. Certificates that the two istiods sign for proxies (CreateCertificate) end in roots ${fingerprint(stays.root)}… and ${fingerprint(moved.root)}…; a mutual TLS handshake fails from one that stays to one that moved ("${there}") and back ("${back}"), and works between two of the old istiod`;
    },
    unseen: "The same between two Envoys: the handshakes are Node's",
  },
  {
    check: "trust-domain",
    setUp: "a target with `trustDomain: other.example`, and no aliases on either side; Deployment `web`",
    to: "other-domain",
    alone: true,
    revisions: [["other-domain", "1.20.0", ["meshConfig.trustDomain=other.example"]]],
    prepare: async ({ mesh, namespace }) => {
      const elsewhere = await mesh.createNamespace(enabled, `${namespace}-stays`);
      await mesh.apply([web(namespace), deployment({ namespace: elsewhere, name: "stays", replicas: 1 })]);
      await mesh.waitReady(elsewhere);
    },
    accept: () => [],
    happened: async (stage, wentOn) => {
      const { mesh, namespace } = stage;
      const [pod] = await mesh.pods(`${namespace}-stays`);
      const moved = await identityFrom(mesh, "other-domain", namespace);
      const old = await identityFrom(mesh, "default", namespace);
      const text = await configurationOf(mesh, "default", pod.metadata.name, `${namespace}-stays`);
      const prefixes = [...new Set([...text.matchAll(/"prefix":"(spiffe:[^"]+)"/g)].map(([, prefix]) => prefix ?? ""))];
      assert.ok(prefixes.length > 0 && prefixes.every((prefix) => old.name.startsWith(prefix)), prefixes.join());
      assert.ok(!prefixes.some((prefix) => moved.name.startsWith(prefix)));
      return `${endOf(wentOn)}. The new istiod signs \`${moved.name}\` for its proxies; the listeners that the old istiod gives a proxy that stays accept peers of \`${prefixes.join("`, `")}\` alone`;
    },
    unseen: "The refused connection itself: no Envoy runs here",
  },
  {
    check: "providers-exist",
    setUp:
      "extensionProvider `ask` in the mesh config of the old control plane alone, an AuthorizationPolicy with action `CUSTOM` that names it; Deployment `web`",
    alone: true,
    prepare: async ({ mesh, namespace }) => {
      const provider = { name: "ask", envoyExtAuthzGrpc: { service: `web.${namespace}.svc.cluster.local`, port: 80 } };
      undo.providers = await changeMeshConfig(mesh, "istio", `extensionProviders: ${JSON.stringify([provider])}`);
      await mesh.apply([
        web(namespace),
        {
          ...{ apiVersion: "v1", kind: "Service", metadata: { namespace, name: "web" } },
          spec: { selector: { app: "web" }, ports: [{ name: "grpc", port: 80 }] },
        },
        {
          ...{ apiVersion: "security.istio.io/v1beta1", kind: "AuthorizationPolicy" },
          metadata: { namespace, name: "ask" },
          spec: { action: "CUSTOM", provider: { name: "ask" }, rules: [{}] },
        },
      ]);
      await mesh.waitReady(namespace);
      const [pod] = await mesh.pods(namespace);
      await mesh.eventually("the old istiod to have the provider", async () => {
        const text = await configurationOf(mesh, "default", pod.metadata.name, namespace);
        return text.includes("ext_authz") && !denies.test(text);
      });
    },
    accept: () => [],
    happened: async (stage, wentOn) => {
      const { mesh, namespace } = stage;
      const [pod] = await assertAllOn(stage, "web", "1-20");
      const found = await eventually("the listeners to deny", async () => {
        const text = await configurationOf(mesh, "1-20", pod.metadata.name, namespace);
        return denies.exec(text)?.[1];
      });
      return `${endOf(wentOn)}. The listeners of the new proxies have RBAC policy \`${found}\`; those of the old ones asked the provider`;
    },
    mend: async () => undo.providers?.(),
  },
  {
    check: "cni-present",
    setUp: "a target with `istio_cni.enabled=true`, and no DaemonSet of the plugin; Deployment `web`",
    to: "with-cni",
    alone: true,
    revisions: [["with-cni", "1.20.0", ["istio_cni.enabled=true"]]],
    prepare: ({ mesh, namespace }) => mesh.apply([web(namespace)]),
    accept: () => [],
    happened: async (stage, wentOn) => {
      const pods = await assertAllOn(stage, "web", "with-cni");
      const inits = pods.map(({ spec }) => spec.initContainers?.map((each: Json) => each.name).join());
      assert.deepEqual([...new Set(inits)], ["istio-validation"]);
      const daemonSets = await stage.mesh.api.get("/apis/apps/v1/daemonsets");
      assert.deepEqual(daemonSets.items, []);
      return `${endOf(wentOn)} on simulated nodes, where every init container succeeds. All new pods have init container \`istio-validation\` in place of \`istio-init\`, and no DaemonSet is there that would redirect their traffic`;
    },
    unseen: "That `istio-validation` fails: it needs a kubelet and the network of a pod",
  },
];

const denies = /"([^"]*-deny-due-to-bad-CUSTOM-action[^"]*)"/;
