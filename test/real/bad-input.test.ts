/** What people get wrong, and what clusters do to them: a sentence, a remedy and the exit code of the contract; and what is valid though it looks odd. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { load } from "js-yaml";
import { eventually, isWrite, type Json, type Mesh, type Result, upMesh } from "./kit.ts";
import { assertNoStack, findingsIn, type Refused, refused as refusedOn, stateOf, type Told, writesTo } from "./refusal.ts";
import { assertArrived, documentOf, eventuallyArrived, labelsOf, listed, revisionOf, runShell } from "./witness.ts";
import { deployment, statefulSet } from "./workloads.ts";

let mesh: Mesh;
before(async () => {
  mesh = await upMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
});
after(() => mesh?.down());

const to = ["--to", "1-20"];
const longest = `${"a23456789-".repeat(6)}123`; // 63 letters, as many as a label or a name may have

async function inNamespace(labels: Readonly<Record<string, string>> = {}, name?: string): Promise<string> {
  const namespace = await mesh.createNamespace({ "istio-injection": "enabled", ...labels }, name);
  await mesh.apply([deployment({ namespace, name: "web", replicas: 2 })]);
  await mesh.waitReady(namespace);
  return namespace;
}

const refused = (namespace: string, reasons: readonly string[], args: readonly string[] = to, code?: 3 | 5): Promise<Refused> =>
  refusedOn(mesh, namespace, args, reasons, code);
const told = ({ reasons: [first] }: Refused): Told => {
  assert.ok(first);
  return first;
};

/** Ended with this code and these words on stderr, in few lines, without a word on stdout. */
function assertFailed(result: Result, code: number, words: RegExp): void {
  assert.deepEqual([result.code, result.stdout], [code, ""], result.stderr);
  assert.match(result.stderr, words);
  const lines = result.stderr.trimEnd().split("\n");
  assert.ok(lines.length <= 4, result.stderr);
  assert.match(lines.at(-1) ?? "", /^ {2}\S|^See /, "a remedy");
  assertNoStack(result);
}

/** istioctl takes a tag of digits for a number and fails; whoever writes the webhook himself need not. */
async function setNumericTag(tag: string): Promise<void> {
  await mesh.setTag("like", "1-20");
  const where = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
  const { metadata, webhooks } = await mesh.api.get(`${where}/istio-revision-tag-like`);
  const labels = { ...metadata.labels, "istio.io/tag": tag };
  const renamed = JSON.parse(JSON.stringify(webhooks).replaceAll('"like"', JSON.stringify(tag)));
  await mesh.api.post(where, { metadata: { name: `istio-revision-tag-${tag}`, labels }, webhooks: renamed });
}

describe("names", { concurrency: 3 }, () => {
  test("an unknown namespace, with the one that was meant", async () => {
    const namespace = await mesh.createNamespace({ "istio-injection": "enabled" }, "production");
    const slip = await mesh.run("mesh-migrate", ["-n", "prodution", ...to]);
    assert.deepEqual([slip.code, slip.stdout], [3, ""], slip.stderr);
    const [finding] = findingsIn(slip.stderr);
    assert.deepEqual(
      [finding?.check, finding?.object, finding?.message],
      ["namespaces-exist", "namespace/prodution", `there is no namespace prodution, did you mean ${namespace}?`],
    );
    const look = await mesh.run("mesh-revisions", ["-n", "prodution,production"]);
    assertFailed(look, 3, /^error: there is no namespace prodution, did you mean production\?$/m);
  });

  test("one of two namespaces is unknown: neither is touched", async () => {
    const namespace = await inNamespace();
    const [state, since] = [await stateOf(mesh, namespace), new Date()];
    const { code, stderr } = await mesh.run("mesh-migrate", ["-n", `${namespace},nowhere-at-all`, ...to]);
    assert.deepEqual([code, findingsIn(stderr).map(({ object }) => object)], [3, ["namespace/nowhere-at-all"]], stderr);
    assert.deepEqual([await stateOf(mesh, namespace), await writesTo(mesh, namespace, since)], [state, []]);
  });

  test("an unknown revision or tag, with the one that was meant", async () => {
    const namespace = await inNamespace();
    await mesh.setTag("prod-stable", "1-20");
    const revision = told(await refused(namespace, ["target-exists revision/1-21"], ["--to", "1-21"]));
    assert.deepEqual(
      [revision.message, revision.remedy],
      ["no revision or tag has this name, did you mean 1-20?", "served here: 1-20, default and prod-stable"],
    );
    const tag = told(await refused(namespace, ["target-exists revision/prod-stabel"], ["--to", "prod-stabel"]));
    assert.match(tag.message, /, did you mean prod-stable\?$/);
    assertFailed(await mesh.run("mesh-migrate", ["-n", namespace, "--to", "1.20"]), 2, /did you mean "1-20"\?/);
    const from = await mesh.run("mesh-migrate", ["-A", "--from", "defualt", ...to]);
    assert.equal(from.code, 3, from.stderr);
    assert.match(from.stderr, /^blocker: revision\/defualt: no revision has this name, did you mean default\? \[from-exists\]$/m);
  });

  test("a tag of an istiod that is gone", async () => {
    const namespace = await inNamespace();
    await mesh.setTag("orphan", "1-20");
    const { items } = await mesh.api.get(
      "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations?labelSelector=istio.io%2Ftag%3Dorphan",
    );
    await mesh.api.merge(`/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${items[0].metadata.name}`, {
      metadata: { labels: { "istio.io/rev": "1-18" } },
    });
    const finding = told(await refused(namespace, ["target-ready revision/1-18"], ["--to", "orphan"]));
    assert.match(finding.message, /webhook but no istiod/);
  });

  test("odd but valid ones are moved like all others", async () => {
    const odd = ["constructor", "120", "1e3"];
    await Promise.all([mesh.setTag(longest, "1-20"), setNumericTag("120")]);
    await Promise.all([...odd, longest].map((name) => mesh.createNamespace({ "istio-injection": "enabled" }, name)));
    const names = ["constructor", "120", longest];
    await mesh.apply([
      ...names.map((name) => deployment({ namespace: "constructor", name, replicas: 2 })),
      deployment({ namespace: "120", name: "tostring", replicas: 1 }),
      statefulSet({ namespace: "1e3", name: "0x10", replicas: 2 }),
      deployment({ namespace: longest, name: longest, replicas: 2 }),
      deployment({ namespace: longest, name: "constructor", replicas: 1 }),
    ]);
    await Promise.all([...odd, longest].map((name) => mesh.waitReady(name)));
    const some = await mesh.run("mesh-migrate", ["-n", odd.join(","), "--to", "120", "-o", "json"]);
    const document = documentOf(some);
    assert.deepEqual([document.state, document.target?.label, document.target?.revision], ["done", "120", "1-20"], some.stderr);
    assert.deepEqual(
      document.workloads.map(({ namespace, name }) => `${namespace}/${name}`).toSorted(),
      ["120/tostring", "1e3/0x10", `constructor/${longest}`, "constructor/120", "constructor/constructor"].toSorted(),
    );
    const left = await mesh.run("mesh-migrate", ["-n", longest, "--to", longest, "--leave", "deployment/constructor"]);
    assert.equal(left.code, 0, left.stderr);
    for (const name of odd) await assertArrived(mesh, name, "1-20");
    await assertArrived(mesh, longest, "1-20", { of: ({ metadata }: Json) => metadata.labels.app === longest });
    assert.deepEqual(await labelsOf(mesh, longest), { "istio.io/rev": longest });
    assert.deepEqual(await labelsOf(mesh, "1e3"), { "istio.io/rev": "120" });
    const look = await mesh.run("mesh-revisions", ["-n", [...odd, longest].join(",")]);
    assert.equal(look.code, 0, look.stderr);
    for (const name of names) assert.match(look.stdout, new RegExp(`(^| )(deployment/)?${name}( |$)`, "im"));
  });

  test("a refusal as a document, and as names", async () => {
    const namespace = await mesh.createNamespace({});
    const run = (output: string) => mesh.run("mesh-migrate", ["-n", namespace, ...to, "-o", output]);
    const json = await run("json");
    const document = documentOf(json);
    assert.deepEqual([json.code, document.state, document.exitCode], [3, "refused", 3]);
    assert.deepEqual(
      document.findings.map(({ check, severity, object }) => [check, severity, object]),
      [["namespaces-injected", "blocker", `namespace/${namespace}`]],
    );
    const yaml = await run("yaml");
    assert.deepEqual([yaml.code, load(yaml.stdout)], [3, JSON.parse(json.stdout)]);
    const name = await run("name");
    assert.deepEqual([name.code, name.stdout, findingsIn(name.stderr).length], [3, "", 1]);
    for (const result of [json, yaml, name]) assertNoStack(result);
  });
});

describe("what the API server makes of the label", { concurrency: 3 }, () => {
  const onNamespaces = (scenario: string) => ({
    failurePolicy: "Fail",
    matchConstraints: {
      resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["namespaces"] }],
      objectSelector: { matchLabels: { scenario } },
    },
  });
  const api = { apiVersion: "admissionregistration.k8s.io/v1" };
  /** A MutatingAdmissionPolicy that writes another revision over ours, where the condition holds. */
  const rewriting = (name: string, condition: string) => [
    {
      ...{ ...api, kind: "MutatingAdmissionPolicy", metadata: { name } },
      spec: {
        ...onNamespaces(name),
        reinvocationPolicy: "Never",
        matchConditions: [{ name: "ours", expression: `object.metadata.labels[?'istio.io/rev'].orValue('') == '1-20' && (${condition})` }],
        mutations: [
          {
            patchType: "ApplyConfiguration",
            applyConfiguration: { expression: `Object{metadata: Object.metadata{labels: {"istio.io/rev": "elsewhere"}}}` },
          },
        ],
      },
    },
    { ...api, kind: "MutatingAdmissionPolicyBinding", metadata: { name }, spec: { policyName: name } },
  ];
  /** Waits until the policy is in force, as others see it. */
  const inForce = (what: string, ask: () => Promise<boolean>) => eventually(`${what} to be in force`, ask, 30, 200);

  test("refused by an admission policy, in the policy's words", async () => {
    const namespace = await inNamespace({ scenario: "refused-label" });
    const expression = "!('istio.io/rev' in object.metadata.labels)";
    await mesh.apply([
      {
        ...{ ...api, kind: "ValidatingAdmissionPolicy", metadata: { name: "no-revisions" } },
        spec: { ...onNamespaces("refused-label"), validations: [{ expression, message: "ask the mesh team first" }] },
      },
      {
        ...{ ...api, kind: "ValidatingAdmissionPolicyBinding", metadata: { name: "no-revisions" } },
        spec: { policyName: "no-revisions", validationActions: ["Deny"] },
      },
    ]);
    const trial = ["label", "namespace", namespace, "istio.io/rev=1-20", "--dry-run=server"];
    await inForce("the policy", async () => (await mesh.runKubectl(trial)).code !== 0);
    const refusal = await refused(namespace, [`label-admission namespace/${namespace}`]);
    assert.match(told(refusal).message, /^the label is refused: .*'no-revisions' .*denied request: ask the mesh team first$/);
    assert.ok(
      refusal.findings.some(({ severity, object }) => severity === "warning" && object === "ValidatingAdmissionPolicy/no-revisions"),
    );
  });

  test("silently changed: known before it is written", async () => {
    const namespace = await inNamespace({ scenario: "rewritten-label" });
    await mesh.apply(rewriting("rewritten-label", "true"));
    const patch = JSON.stringify({ metadata: { labels: { "istio.io/rev": "1-20" } } });
    const trial = ["patch", "namespace", namespace, "--type=merge", "-p", patch, "--dry-run=server", "-o", "json"];
    await inForce("the policy", async () => JSON.parse(await mesh.kubectl(trial)).metadata.labels["istio.io/rev"] === "elsewhere");
    const finding = told(await refused(namespace, [`label-admission namespace/${namespace}`]));
    assert.match(finding.message, /the API server changes the labels that are asked for/);
  });

  test("silently changed only where it is no dry run: put back, and said", async () => {
    const namespace = await inNamespace({ scenario: "late-label" });
    const other = await mesh.createNamespace({ scenario: "late-label" });
    await mesh.apply(rewriting("late-label", "!request.dryRun"));
    let tries = 0;
    await inForce("the policy", async () => {
      const metadata = { labels: { "istio.io/rev": "1-20" }, annotations: { tries: String(tries++) } };
      return (await mesh.api.merge(`/api/v1/namespaces/${other}`, { metadata })).metadata.labels["istio.io/rev"] === "elsewhere";
    });
    const pods = (await mesh.pods(namespace)).map(({ metadata }) => metadata.uid);
    const result = await mesh.run("mesh-migrate", ["-n", namespace, ...to, "-o", "json"]);
    const document = documentOf(result);
    assert.deepEqual([result.code, document.state], [4, "restored"], result.stderr);
    assert.match(
      document.failure?.reason ?? "",
      /the API server changed the labels asked for to no istio-injection, istio\.io\/rev=elsewhere/,
    );
    assert.deepEqual(await labelsOf(mesh, namespace), { "istio-injection": "enabled" });
    assert.deepEqual(
      (await mesh.pods(namespace)).map(({ metadata }) => metadata.uid),
      pods,
    );
    assertNoStack(result);
  });

  test("a namespace that is being deleted", async () => {
    const namespace = await inNamespace();
    const place = `/api/v1/namespaces/${namespace}/configmaps`;
    await mesh.api.post(place, { metadata: { name: "held", finalizers: ["example.com/held"] } });
    await mesh.api.delete(`/api/v1/namespaces/${namespace}`);
    await eventually("its pods to be gone", async () => (await mesh.pods(namespace)).length === 0);
    assert.match(told(await refused(namespace, [`namespaces-injected namespace/${namespace}`])).message, /^it is being deleted$/);
    await mesh.api.merge(`${place}/held`, { metadata: { finalizers: null } });
  });
});

describe("a target that cannot serve", () => {
  const istiodsOf = async (revision: string): Promise<readonly string[]> =>
    (await listed(mesh, ["pods", "-n", "istio-system", "-l", `app=istiod,istio.io/rev=${revision}`])).map(({ metadata }) => metadata.name);
  const silent = async (): Promise<readonly string[]> =>
    (await istiodsOf("1-20")).map((name) => `istiods-answer istiod istio-system/${name}`);

  test("its istiod is down", async () => {
    const namespace = await inNamespace();
    await mesh.stopIstiod("1-20");
    try {
      const reasons = ["target-ready revision/1-20", "target-endpoints istio-system/Service/istiod-1-20", ...(await silent())];
      const { stderr } = await refused(namespace, reasons);
      assert.match(
        stderr,
        /^blocker: revision\/1-20: none of its 1 istiod pod is ready \[target-ready\]\n {2}→ kubectl -n istio-system rollout status deployment\/istiod-1-20$/m,
      );
    } finally {
      await mesh.startIstiod("1-20");
    }
  });

  test("its webhook has no CA bundle", async () => {
    const namespace = await inNamespace();
    const where = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector-1-20";
    await mesh.stopIstiod("1-20", "frozen"); // or it would put it back at once
    try {
      const { webhooks } = await mesh.api.get(where);
      const without = webhooks.map(({ clientConfig, ...rest }: Json) => ({ ...rest, clientConfig: { service: clientConfig.service } }));
      await mesh.api.merge(where, { webhooks: without });
      const reasons = ["target-ca-bundle MutatingWebhookConfiguration/istio-sidecar-injector-1-20", ...(await silent())];
      const { stderr } = await refused(namespace, reasons);
      assert.match(stderr, /has no CA bundle: the API server would refuse every pod/);
      await mesh.api.merge(where, { webhooks });
    } finally {
      await mesh.startIstiod("1-20");
    }
  });

  test("its Service has no endpoints", async () => {
    const namespace = await inNamespace();
    const where = "/api/v1/namespaces/istio-system/services/istiod-1-20";
    const { spec } = await mesh.api.get(where);
    await mesh.api.merge(where, { spec: { selector: { app: "nobody" } } });
    const slices = `/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices?labelSelector=kubernetes.io/service-name=istiod-1-20`;
    const endpoints = async () => (await mesh.api.get(slices)).items.flatMap((slice: Json) => slice.endpoints ?? []).length;
    await eventually("the endpoints to go", async () => (await endpoints()) === 0);
    try {
      const { message } = told(await refused(namespace, ["target-endpoints istio-system/Service/istiod-1-20"]));
      assert.match(message, /no ready endpoints: webhook istio-sidecar-injector-1-20 could not be called/);
    } finally {
      await mesh.api.merge(where, { spec });
      await eventually("the endpoints to come back", async () => (await endpoints()) > 0);
    }
    assert.equal((await mesh.run("mesh-migrate", ["-n", namespace, ...to])).code, 0);
  });
});

describe("a reader that goes away", { concurrency: 2 }, () => {
  test("mesh-revisions | head -1", async () => {
    const { code, stdout, stderr } = await runShell(mesh, "{ kubectl mesh-revisions -A -o wide; echo exit $? >&2; } | head -1");
    assert.deepEqual([code, stderr], [0, "exit 0\n"]);
    assert.match(stdout, /^REVISION +.*\n$/);
  });

  for (const reader of ["head -1", "true"])
    test(`mesh-migrate | ${reader}: a migration goes on to its end`, async () => {
      const namespace = await inNamespace();
      const { stderr } = await runShell(mesh, `{ kubectl mesh-migrate -n ${namespace} --to 1-20 -o wide; echo exit $? >&2; } | ${reader}`);
      assert.match(stderr, /^exit 0$/m);
      assertNoStack({ stderr, stdout: "" });
      await assertArrived(mesh, namespace, "1-20");
    });

  test("nobody reads stderr either", async () => {
    const namespace = await inNamespace();
    await runShell(mesh, `kubectl mesh-migrate -n ${namespace} --to 1-20 2>&1 | true`);
    await eventuallyArrived(mesh, namespace, "1-20");
  });
});

test("nothing that was refused was written to", async () => {
  const namespaces = await listed(mesh, ["namespaces"]);
  const entries = (await mesh.audit()).filter((entry) => entry.userAgent.startsWith("mesh-migrate/") && isWrite(entry));
  const written = new Set(entries.map(({ namespace, resource, name }) => (resource === "namespaces" ? name : namespace)));
  const pods = await listed(mesh, ["pods", "-A"]);
  const moved = new Set(pods.filter((pod) => revisionOf(pod) === "1-20").map(({ metadata }) => metadata.namespace as string));
  const late = namespaces.filter(({ metadata }) => metadata.labels.scenario === "late-label").map(({ metadata }) => metadata.name);
  assert.ok(moved.size > 0);
  assert.deepEqual(
    [...written].filter((name) => !moved.has(name) && !late.includes(name)),
    [],
  );
});
