/**
 * Every refusal of a migration, each on a namespace made for it, with what it names and what it proposes, and that
 * nothing is changed by it.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { barePod, deployment, gateway, statefulSet } from "../fixtures/workload-objects.ts";
import { isWrite, type Json, type MeshUnderTest } from "./mesh-under-test.ts";
import { assertRestored, carriedOut, enabled, migrateJson, neverFell, settled, writesTo } from "./migrations.ts";
import { openMesh, together } from "./open-mesh.ts";
import { type Refused, refused as refusedOn, type Told, told } from "./refusal.ts";
import { appOf, assertArrived, isReady, labelsOf, revisionOf, uidsOf } from "./verify-result.ts";

let mesh: MeshUnderTest;
/** Namespaces that a command was accepted for, and may have written to. */
const written = new Set<string>();
let begun: Date;

before(async () => {
  mesh = await openMesh({ revisions: { default: "1.28.2", "1-29": "1.29.1" }, gatewayApi: true });
  await mesh.setTag("steady", "default");
  begun = mesh.now();
});
after(() => mesh?.[Symbol.asyncDispose]());

const to = ["--to", "1-29"];
const refused = (
  namespace: string,
  reasons: readonly string[],
  args: readonly string[] = to,
  code?: 3 | 5,
): Promise<Refused> => refusedOn(mesh, namespace, args, reasons, code);
const inNamespace = (
  make: (namespace: string) => readonly object[],
  labels: Readonly<Record<string, string>> = {},
): Promise<string> => settled(mesh, make, { ...enabled, ...labels });
const web = (namespace: string) => [deployment({ namespace, name: "web", replicas: 2 })];
const isWeb = (pod: Json) => appOf(pod) === "web";

/** Runs a command as it was printed, and holds that it goes through. */
async function done(namespace: string, command: string): Promise<string> {
  written.add(namespace);
  return (await carriedOut(mesh, command)).stdout;
}

const migrate = (namespace: string) => `kubectl mesh-migrate -n ${namespace} --to 1-29`;
/** The command at the end of a remedy. */
const commandIn = ({ remedy = "" }: Told): string => {
  const command = /kubectl .*$/.exec(remedy)?.[0];
  assert.ok(command, remedy);
  return command;
};

describe("a migration is refused for", together(), () => {
  describe("namespaces that their own labels do not inject", together(2), () => {
    test("istio-injection=disabled, which istio.io/rev would not lift", async () => {
      const namespace = await inNamespace(web, { "istio-injection": "disabled", "istio.io/rev": "1-29" });
      const finding = told(await refused(namespace, [`namespaces-injected namespace/${namespace}`]));
      assert.match(finding.message, /^istio-injection=disabled keeps every sidecar out/);
      await carriedOut(mesh, commandIn(finding));
      assert.deepEqual(await labelsOf(mesh, namespace), { "istio.io/rev": "1-29" });
    });

    test("ambient", async () => {
      const namespace = await settled(mesh, web, { "istio.io/dataplane-mode": "ambient" });
      assert.match(
        told(await refused(namespace, [`namespaces-injected namespace/${namespace}`])).message,
        /ambient mode/,
      );
    });

    test("unlabelled", async () => {
      const namespace = await settled(mesh, web, {});
      assert.ok((await mesh.pods(namespace)).every((pod) => revisionOf(pod) === undefined));
      const finding = told(await refused(namespace, [`namespaces-injected namespace/${namespace}`]));
      assert.match(finding.remedy ?? "", new RegExp(`kubectl label namespace ${namespace} istio.io/rev=1-29$`));
    });

    test("injected by the labels of pod templates, which are named", async () => {
      const make = (namespace: string) => [
        deployment({ namespace, name: "asks", labels: { "sidecar.istio.io/inject": "true" } }),
        statefulSet({
          namespace,
          name: "names",
          labels: { "istio.io/rev": "default", "sidecar.istio.io/inject": "true" },
        }),
        deployment({ namespace, name: "plain" }),
      ];
      const namespace = await settled(mesh, make, {});
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

  describe("workloads", together(3), () => {
    test("unhealthy before it began", async () => {
      const namespace = await mesh.createNamespace(enabled);
      await mesh.apply([...web(namespace), deployment({ namespace, name: "sick", replicas: 1, life: "crash" })]);
      await mesh.eventually("the pods of web, and a crash", async () => {
        const pods = await mesh.pods(namespace);
        return (
          pods.filter(isReady).length >= 2 &&
          pods.some(({ status }) => status.containerStatuses?.some((each: Json) => each.restartCount > 0))
        );
      });
      // it goes on crashing: what the refusal leaves alone is its spec
      const refusal = await mesh.eventually("a moment without a restart of the crashing pod", () =>
        refused(namespace, [`workloads-healthy ${namespace}/Deployment/sick`]),
      );
      assert.match(told(refusal).message, /^it is not healthy as it is: \S/);
      assert.match(told(refusal).remedy ?? "", new RegExp(`kubectl -n ${namespace} rollout status deployment/sick$`));
      assert.match(await done(namespace, refusal.accepting()), /deployment\/sick .* --leave/);
      await assertArrived(mesh, namespace, "1-29", { of: isWeb });
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
      for (const name of named)
        assert.match(refusal.accepting(), new RegExp(` --allow-downtime ${name.toLowerCase()}( |$)`));
      await done(namespace, refusal.accepting());
      await assertArrived(mesh, namespace, "1-29");
    });

    test("all of several at once", async () => {
      const namespace = await inNamespace((name) => [
        deployment({ namespace: name, name: "recreate", replicas: 2, spec: { strategy: { type: "Recreate" } } }),
        deployment({
          namespace: name,
          name: "wild",
          replicas: 3,
          spec: { strategy: { rollingUpdate: { maxUnavailable: "100%" } } },
        }),
      ]);
      await refused(
        namespace,
        ["recreate", "wild"].map((name) => `downtime ${namespace}/Deployment/${name}`),
      );
    });

    test("what no restart replaces: OnDelete, a partition, a pod that nobody owns", async () => {
      const held = { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } };
      const namespace = await inNamespace((name) => [
        ...web(name),
        statefulSet({ namespace: name, name: "by-hand", spec: { updateStrategy: { type: "OnDelete" } } }),
        statefulSet({ namespace: name, name: "half", spec: held }),
        barePod({ namespace: name, name: "lonely" }),
      ]);
      await mesh.eventually("the pod", async () => (await mesh.pods(namespace)).filter(isReady).length === 9);
      const refusal = await refused(namespace, [
        `workloads-restartable ${namespace}/StatefulSet/by-hand`,
        `workloads-restartable ${namespace}/StatefulSet/half`,
        `pods-owned ${namespace}/Pod/lonely`,
      ]);
      await done(namespace, refusal.accepting());
      await assertArrived(mesh, namespace, "1-29", { of: isWeb });
    });

    test("an injected gateway among the applications", async () => {
      const namespace = await inNamespace((name) => [
        ...web(name),
        gateway({ namespace: name, name: "ingress", replicas: 2 }),
      ]);
      const refusal = await refused(namespace, [`gateway-workloads ${namespace}/Deployment/ingress`]);
      await done(namespace, `${migrate(namespace)} --leave deployment/ingress`);
      const ingresses = (await mesh.pods(namespace)).filter((pod) => appOf(pod) === "ingress");
      assert.deepEqual([...new Set(ingresses.map(revisionOf))], ["default"]);
      await done(namespace, refusal.accepting());
      await assertArrived(mesh, namespace, "1-29");
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

    test("a quota without room for one pod more, and with it", async () => {
      const container = { name: "app", image: "app", resources: { requests: { cpu: "200m" } } };
      const namespace = await inNamespace((name) => [
        deployment({ namespace: name, name: "web", podSpec: { containers: [container] } }),
      ]);
      const limit = async (hard: Readonly<Record<string, string>>) => {
        await mesh.apply({
          apiVersion: "v1",
          kind: "ResourceQuota",
          metadata: { namespace, name: "team" },
          spec: { hard },
        });
        await mesh.eventually("the quota to be counted", async () => {
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
      await mesh.eventually("its pod", async () =>
        (await mesh.pods(namespace)).some((pod) => appOf(pod) === "old" && isReady(pod)),
      );
      await refused(namespace, [`pods-owned ${namespace}/ReplicaSet/old`]);
    });

    test("a slip in --leave, --allow-downtime or --skip-check", async () => {
      const namespace = await inNamespace(web);
      const args = ["--leave", "deployment/wbe", "--allow-downtime", "sts/web", "--skip-check", "quotas"];
      const { reasons } = await refused(
        namespace,
        [
          "names-exist --leave deployment/wbe",
          "names-exist --allow-downtime sts/web",
          "skip-check-known --skip-check quotas",
        ],
        [...to, ...args],
      );
      const said = new Map(reasons.map(({ object, message }) => [object, message]));
      assert.match(said.get("--leave deployment/wbe") ?? "", /, did you mean deployment\/web\?$/);
      assert.match(said.get("--skip-check quotas") ?? "", /, did you mean quota\?$/);
    });

    test("who may not restart: the verb and the resource to grant", async () => {
      const namespace = await inNamespace(web);
      const rbac = { apiVersion: "rbac.authorization.k8s.io/v1" };
      const forwarding = { apiGroups: [""], resources: ["pods/portforward"], verbs: ["create", "get"] };
      await mesh.apply([
        {
          ...{ ...rbac, kind: "ClusterRole", metadata: { name: "reader" } },
          rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["get", "list", "watch"] }, forwarding],
        },
        {
          ...{ ...rbac, kind: "ClusterRoleBinding", metadata: { name: "reader" } },
          ...{ roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "reader" } },
          subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "rita" }],
        },
      ]);
      const since = mesh.now();
      const { code, stderr } = await mesh.run("mesh-migrate", ["-n", namespace, ...to, "--as", "rita"]);
      assert.equal(code, 3, stderr);
      assert.match(stderr, /you may not patch deployments\.apps/);
      assert.deepEqual(await writesTo(mesh, namespace, since), []);
    });

    test("a migration to another target that is not finished is finished first", async () => {
      const namespace = await inNamespace((name) => [
        {
          ...deployment({ namespace: name, name: "web", replicas: 2 }),
          metadata: { namespace: name, name: "web", labels: { wave: "first" } },
        },
        deployment({ namespace: name, name: "api", replicas: 2 }),
      ]);
      written.add(namespace);
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
  });

  describe("whoever else reads the label", together(3), () => {
    test("discoverySelectors that would lose the namespace", async () => {
      const namespace = await inNamespace(web, { scenario: "discovery" });
      const where = "/api/v1/namespaces/istio-system/configmaps/istio-1-29";
      const { data } = await mesh.api.get(where);
      const selectors = [
        { matchExpressions: [{ key: "scenario", operator: "NotIn", values: ["discovery"] }] },
        { matchLabels: { "istio-injection": "enabled" } },
      ];
      await mesh.api.merge(where, {
        data: { mesh: `${data.mesh.trimEnd()}\ndiscoverySelectors: ${JSON.stringify(selectors)}\n` },
      });
      const finding = told(await refused(namespace, ["discovery-selectors istio-system/istio-1-29"]));
      assert.match(
        finding.message,
        new RegExp(`revision 1-29 sees namespace ${namespace} by the labels .* would lose it$`),
      );
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
      assert.match(
        told(refusal).message,
        new RegExp(`^ingress rule 2 selects .* would no longer select ${namespace}$`),
      );
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
          spec: {
            policyName: "pods-in-mesh",
            validationActions: ["Deny"],
            matchResources: { namespaceSelector: { matchLabels } },
          },
        },
        {
          ...{ ...api, kind: "ValidatingAdmissionPolicy", metadata: { name: "namespaces-in-mesh" } },
          spec: {
            ...policy,
            matchConstraints: {
              resourceRules: [
                { apiGroups: [""], apiVersions: ["v1"], operations: ["DELETE"], resources: ["namespaces"] },
              ],
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
      assert.match(
        refusal.stderr,
        /webhook check\.example\.com selects namespaces by the labels that are to be changed/,
      );
      await done(namespace, refusal.accepting());
    });
  });

  describe("whoever owns the label", together(3), () => {
    let names = 0;
    const nameOf = () => `owned-${++names}`;
    const namespaceObject = (name: string, labels: object, annotations = {}) => ({
      ...{ apiVersion: "v1", kind: "Namespace" },
      metadata: { name, labels, annotations },
    });
    /** Writes a namespace as a tool does that signs with this manager. */
    const reconcile = (manager: string, object: ReturnType<typeof namespaceObject>) =>
      mesh.api.apply(`/api/v1/namespaces/${object.metadata.name}`, object, manager);
    /** The same with the client-side apply of kubectl, and of what is built on it. */
    const create = (manager: string, { metadata, ...object }: ReturnType<typeof namespaceObject>) => {
      const last = { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify({ ...object, metadata }) };
      const annotations = { ...metadata.annotations, ...last };
      return mesh.api.post(`/api/v1/namespaces?fieldManager=${manager}`, {
        ...object,
        metadata: { ...metadata, annotations },
      });
    };

    test("Flux: refused, and only restarted once the source says it", async () => {
      const name = nameOf();
      const marks = {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
      };
      await reconcile("kustomize-controller", namespaceObject(name, { ...marks, ...enabled }));
      await mesh.apply(web(name));
      await mesh.waitReady(name);
      const refusal = await refused(name, [`label-owner namespace/${name}`]);
      assert.match(told(refusal).message, /^Flux keeps istio-injection of this namespace and would put it back$/);
      assert.match(
        told(refusal).remedy ?? "",
        /Git source of Flux object flux-system\/apps .*\(no istio-injection, and istio\.io\/rev: 1-29\)/,
      );
      assert.match(refusal.accepting(), / --skip-check label-owner$/);
      await reconcile("kustomize-controller", namespaceObject(name, { ...marks, "istio.io/rev": "1-29" }));
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
      for (const write of [reconcile, create]) {
        const name = nameOf();
        const mark = { "argocd.argoproj.io/tracking-id": `shop:/Namespace:${name}/${name}` };
        await write("argocd-controller", namespaceObject(name, { "istio.io/rev": "default" }, mark));
        const finding = told(await refused(name, [`label-owner namespace/${name}`]));
        assert.match(finding.message, /^Argo CD keeps istio\.io\/rev of this namespace/);
        assert.match(finding.remedy ?? "", /Argo CD application shop .*\(istio\.io\/rev: 1-29\)/);
      }
    });

    test("a manifest applied by hand is only warned of, and one that says nothing of the label is nothing", async () => {
      const [name, plain] = [nameOf(), nameOf()];
      await create("kubectl-client-side-apply", namespaceObject(name, enabled));
      const run = await mesh.run("mesh-migrate", ["-n", name, ...to, "--dry-run=server"]);
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /^warning: namespace\/.* the next 'kubectl apply' would put it back \[label-owner\]$/m);
      await reconcile("argocd-controller", namespaceObject(plain, { team: "a" }));
      await mesh.shell(`kubectl label namespace ${plain} istio-injection=enabled`);
      const other = await mesh.run("mesh-migrate", ["-n", plain, ...to, "--dry-run=server"]);
      assert.deepEqual([other.code, /label-owner/.test(other.stdout)], [0, false], other.stdout + other.stderr);
    });
  });
});

describe("an istiod that does not answer", () => {
  for (const [revision, how] of [
    ["default", "frozen"],
    ["1-29", "unnoticed"],
  ] as const)
    test(`${revision}, ${how}: cannot tell`, async () => {
      const namespace = await inNamespace(web);
      const istiods = (await mesh.pods("istio-system")).filter(
        ({ metadata }) => metadata.labels["istio.io/rev"] === revision,
      );
      await mesh.stopIstiod(revision, how);
      try {
        const reasons = istiods.map(({ metadata }) => `istiods-answer istiod istio-system/${metadata.name}`);
        const { message } = told(await refused(namespace, reasons, to, 5));
        assert.match(
          message,
          new RegExp(`^this istiod of revision ${revision} did not say which proxies it holds: \\S`),
        );
      } finally {
        await mesh.startIstiod(revision);
      }
      await done(namespace, migrate(namespace));
    });
});

test("a webhook that takes no connection, as a trial pod shows: nothing was restarted, and the labels are put back", async () => {
  const namespace = await inNamespace(web);
  const pods = await uidsOf(mesh, namespace);
  written.add(namespace);
  await mesh.setWebhookFault("1-29", { kind: "refuse" });
  const document = await migrateJson(mesh, namespace, "1-29").finally(() => mesh.setWebhookFault("1-29"));
  await assertRestored(mesh, namespace, document);
  assert.match(document.failure?.reason ?? "", /failed calling webhook/);
  assert.deepEqual(await uidsOf(mesh, namespace), pods);
  neverFell(mesh, namespace);
});

test("nothing was written anywhere but where a command was accepted", async () => {
  const entries = (await mesh.audit(begun)).filter(
    (entry) => entry.userAgent.startsWith("mesh-migrate/") && isWrite(entry),
  );
  const touched = new Set(
    entries.map(({ namespace, resource, name }) => (resource === "namespaces" ? name : namespace)),
  );
  assert.deepEqual(
    [...touched].filter((namespace) => !written.has(namespace)),
    [],
  );
  const [some] = written;
  assert.ok(some !== undefined && (await writesTo(mesh, some, begun)).length > 0, "the log does tell of writes");
});
