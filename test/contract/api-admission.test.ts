/**
 * What is let in: mutating and validating webhooks by their rules and selectors, their order, their refusals and their
 * failures.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import { configMap, configMapsIn, corePath } from "./objects.ts";
import { openMesh } from "./open-mesh.ts";
import { type Call, serveWebhook, type Verdict, type Webhook } from "./webhook.ts";
import { type Answer, connectWire, type Wire } from "./wire.ts";

let mesh: MeshUnderTest;
let wire: Wire;
let namespace: string;
let maps: string;
const open: Webhook[] = [];
before(async () => {
  mesh = await openMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" } });
  wire = connectWire(mesh);
  namespace = await mesh.createNamespace({});
  maps = configMapsIn(namespace);
});
after(async () => {
  for (const webhook of open) webhook[Symbol.dispose]();
  await mesh?.[Symbol.asyncDispose]();
});

const registration = "/apis/admissionregistration.k8s.io/v1";
type Kind = "mutating" | "validating";
const configurations = (kind: Kind): string => `${registration}/${kind}webhookconfigurations`;
const entry = (name: string, clientConfig: object, more: object = {}) => ({
  ...{ name, clientConfig, sideEffects: "None", admissionReviewVersions: ["v1"] },
  rules: [
    { operations: ["CREATE", "UPDATE", "DELETE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] },
  ],
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
  ...more,
});
/** Names of the cluster are this test's own. */
const nameOf = (name: string): string => `${namespace}-${name}`;
async function configure(kind: Kind, name: string, webhooks: readonly object[]): Promise<void> {
  const metadata = { name: nameOf(name) };
  const body = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: `${kind === "mutating" ? "M" : "V"}${kind.slice(1)}WebhookConfiguration`,
    metadata,
    webhooks,
  };
  const { status, text } = await wire.post(configurations(kind), body);
  assert.equal(status, 201, text);
}
const serve = async (answer: (call: Call) => Verdict): Promise<Webhook["clientConfig"]> => {
  const webhook = await serveWebhook(mesh, answer);
  open.push(webhook);
  return webhook.clientConfig;
};
let tries = 0;
/** The API server reads configurations from a cache: until it has them. */
const until = (what: string, holds: (answer: Answer) => boolean): Promise<unknown> =>
  mesh.eventually(what, async () => holds(await wire.post(`${maps}?dryRun=All`, configMap(`try-${tries++}`))), 20);

describe("webhooks of one's own", () => {
  const seen: (readonly [string, Call])[] = [];
  /** Adds its letter to what is written. */
  const letter =
    (own: string) =>
    (call: Call): Verdict => {
      seen.push([own, call]);
      if (!call.object) return { allowed: true };
      return {
        allowed: true,
        object: { ...call.object, data: { ...call.object.data, order: `${call.object.data?.order ?? ""}${own}` } },
      };
    };
  const judge = (call: Call): Verdict => {
    seen.push(["v", call]);
    const { object, oldObject, operation } = call;
    if (operation === "DELETE" && oldObject.data.keep) return { allowed: false, message: "it is to be kept" };
    return object?.data?.deny ? { allowed: false, ...JSON.parse(object.data.deny) } : { allowed: true };
  };
  const seenDuring = async (
    act: () => Promise<Answer>,
  ): Promise<{ answer: Answer; calls: readonly (readonly [string, Call])[] }> => {
    seen.length = 0;
    const answer = await act();
    return { answer, calls: [...seen] };
  };
  const order = (calls: readonly (readonly [string, Call])[]): string => calls.map(([own]) => own).join("");

  before(async () => {
    // Not in the order in which they are called.
    await configure("validating", "v", [entry("v.example.com", await serve(judge))]);
    const [b, B, a] = [await serve(letter("b")), await serve(letter("B")), await serve(letter("a"))];
    await configure("mutating", "b", [entry("z.example.com", b), entry("y.example.com", B)]);
    const objectSelector = { matchExpressions: [{ key: "skip", operator: "DoesNotExist" }] };
    await configure("mutating", "a", [entry("x.example.com", a, { objectSelector })]);
    await until(
      "the webhooks to be known",
      ({ body }) => body.data.order === "abB" && seen.some(([own]) => own === "v"),
    );
    await mesh.pass(300);
  });
  after(async () => {
    for (const name of ["a", "b"]) await wire.delete(`${configurations("mutating")}/${nameOf(name)}`);
    await wire.delete(`${configurations("validating")}/${nameOf("v")}`);
    await until("the webhooks to be gone", ({ body }) => body.data?.order === undefined);
  });

  test("mutating ones by the names of their configurations and in the order of their entries, then validating ones, of the result", async () => {
    const { answer, calls } = await seenDuring(() => wire.post(maps, configMap("one")));
    assert.deepEqual([answer.status, answer.body.data], [201, { a: "1", order: "abB" }]);
    assert.equal(order(calls), "abBv");
    assert.deepEqual(
      calls.map(([, { operation, resource, dryRun, oldObject }]) => [
        operation,
        resource,
        dryRun,
        oldObject ?? undefined,
      ]),
      calls.map(() => ["CREATE", "configmaps", false, undefined]),
    );
    assert.deepEqual(
      calls.map(([, { object }]) => object.data.order),
      [undefined, "a", "ab", "abB"],
    );
    assert.equal((await wire.get(`${maps}/one`)).body.data.order, "abB");
  });

  test("a dry-run is told that it is one, and is admitted all the same", async () => {
    const { answer, calls } = await seenDuring(() => wire.post(`${maps}?dryRun=All`, configMap("dry")));
    assert.equal(answer.body.data.order, "abB");
    assert.deepEqual(
      calls.map(([own, { dryRun }]) => [own, dryRun]),
      [..."abBv"].map((own) => [own, true]),
    );
    assert.equal((await wire.get(`${maps}/dry`)).status, 404);
  });

  test("what an object selector leaves out is not asked about", async () => {
    const { answer, calls } = await seenDuring(() => wire.post(maps, configMap("skipped", { labels: { skip: "1" } })));
    assert.deepEqual([answer.body.data.order, order(calls)], ["bB", "bBv"]);
  });

  test("an object that comes to be left out, or was until now, is asked about", async () => {
    await wire.post(maps, configMap("turning"));
    const { calls } = await seenDuring(() =>
      wire.patch(`${maps}/turning`, "merge", { metadata: { labels: { skip: "1" } } }),
    );
    assert.equal(order(calls), "abBv");
    const both = await seenDuring(() => wire.patch(`${maps}/turning`, "merge", { data: { c: "1" } }));
    assert.equal(order(both.calls), "bBv");
  });

  test("other namespaces and other resources are not asked about", async () => {
    const elsewhere = configMapsIn(await mesh.createNamespace({}));
    const other = await seenDuring(() => wire.post(elsewhere, configMap("one")));
    assert.deepEqual([other.answer.status, order(other.calls)], [201, ""]);
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "one" } };
    const resource = await seenDuring(() => wire.post(corePath(namespace, "/serviceaccounts"), account));
    assert.deepEqual([resource.answer.status, order(resource.calls)], [201, ""]);
  });

  test("a change is told with what was before; one that changes nothing is asked about too", async () => {
    await wire.post(maps, configMap("changed"));
    const { answer, calls } = await seenDuring(() => wire.patch(`${maps}/changed`, "merge", { data: { order: "" } }));
    assert.equal(answer.body.data.order, "abB");
    assert.deepEqual(
      calls.map(([own, { operation, oldObject }]) => [own, operation, oldObject.data.order]),
      [..."abBv"].map((own) => [own, "UPDATE", "abB"]),
    );
    const nothing = await seenDuring(() => wire.patch(`${maps}/changed`, "merge", {}));
    assert.equal(order(nothing.calls), "abBv");
    assert.equal(nothing.answer.body.data.order, "abBabB", "and what they change then is a change");
  });

  test("a deletion is told with what is deleted, and can be refused", async () => {
    const { body } = await wire.post(maps, configMap("kept", {}, { keep: "1" }));
    const { answer, calls } = await seenDuring(() => wire.delete(`${maps}/kept`));
    assert.deepEqual(
      [answer.status, answer.body.message],
      [400, 'admission webhook "v.example.com" denied the request: it is to be kept'],
    );
    assert.deepEqual(
      calls.map(([own, { operation, object, oldObject }]) => [
        own,
        operation,
        object ?? undefined,
        oldObject.metadata.uid,
      ]),
      [..."abBv"].map((own) => [own, "DELETE", undefined, body.metadata.uid]),
    );
    assert.equal((await wire.get(`${maps}/kept`)).body.metadata.deletionTimestamp, undefined);
  });

  const refusals: readonly (readonly [object, number, string])[] = [
    [{ message: "no way" }, 400, ": no way"],
    [{}, 400, " without explanation"],
    [{ message: "not you", code: 403 }, 403, ": not you"],
    [{ message: "not so", code: 422 }, 422, ": not so"],
    [{ message: "fine", code: 200 }, 400, ": fine"],
  ];
  for (const [deny, code, text] of refusals)
    test(`a refusal ${JSON.stringify(deny)}: ${code}`, async () => {
      const { status, body } = await wire.post(maps, configMap("denied", {}, { deny: JSON.stringify(deny) }));
      assert.deepEqual(
        [status, body],
        [
          code,
          {
            ...{ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", code },
            message: `admission webhook "v.example.com" denied the request${text}`,
          },
        ],
      );
      assert.equal((await wire.get(`${maps}/denied`)).status, 404);
    });
});

describe("a webhook that cannot be reached", () => {
  const path = (): string => `${configurations("mutating")}/${nameOf("down")}`;
  before(async () => {
    const clientConfig = { ...(await serve(() => ({ allowed: true }))), url: "https://127.0.0.1:1/down" };
    await configure("mutating", "down", [entry("down.example.com", clientConfig, { failurePolicy: "Fail" })]);
    await until("it to be known", ({ status }) => status === 500);
  });
  after(() => wire.delete(path()));

  test("fails what it is asked about: 500, with its name", async () => {
    const { status, body } = await wire.post(maps, configMap("failed"));
    assert.deepEqual([status, body.reason], [500, "InternalError"]);
    assert.match(
      body.message,
      /^Internal error occurred: failed calling webhook "down\.example\.com": failed to call webhook: Post "https:\/\/127\.0\.0\.1:1\/down\?timeout=10s": .*connection refused$/,
    );
    assert.equal(body.message, `Internal error occurred: ${body.details.causes[0].message}`);
    assert.equal((await wire.get(`${maps}/failed`)).status, 404);
  });

  test("is passed over where its policy is Ignore", async () => {
    await wire.patch(path(), "json", [{ op: "replace", path: "/webhooks/0/failurePolicy", value: "Ignore" }]);
    await until("the policy to be known", ({ status }) => status === 201);
    assert.equal((await wire.post(maps, configMap("ignored"))).status, 201);
  });
});

test("a configuration is given what it does not say", async () => {
  const bare = {
    name: "bare.example.com",
    clientConfig: { url: "https://127.0.0.1:1/" },
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
  };
  const rules = [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["nothing"] }];
  await configure("mutating", "bare", [{ ...bare, rules }]);
  const { body } = await wire.get(`${configurations("mutating")}/${nameOf("bare")}`);
  const { failurePolicy, matchPolicy, reinvocationPolicy, timeoutSeconds, namespaceSelector, objectSelector } =
    body.webhooks[0];
  assert.deepEqual(
    {
      failurePolicy,
      matchPolicy,
      reinvocationPolicy,
      timeoutSeconds,
      namespaceSelector,
      objectSelector,
      scope: body.webhooks[0].rules[0].scope,
    },
    {
      ...{ failurePolicy: "Fail", matchPolicy: "Equivalent", reinvocationPolicy: "Never", timeoutSeconds: 10 },
      ...{ namespaceSelector: {}, objectSelector: {}, scope: "*" },
    },
  );
  const { resourceVersion, ...unversioned } = body.metadata;
  const late = await wire.put(`${configurations("mutating")}/${nameOf("bare")}`, { ...body, metadata: unversioned });
  assert.deepEqual(
    [late.status, late.body.details.causes[0].field],
    [422, "metadata.resourceVersion"],
    "it is not replaced unseen",
  );
  assert.match(resourceVersion, /^\d+$/);
  await wire.delete(`${configurations("mutating")}/${nameOf("bare")}`);
});

describe("Istio's injector", () => {
  const pod = (metadata: object = {}) => ({
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name: "probe", ...metadata } },
    spec: { containers: [{ name: "app", image: "registry.example/app:1" }] },
  });
  const ask = (of: string, metadata: object = {}): Promise<Answer> =>
    wire.post(`${corePath(of, "/pods")}?dryRun=All`, pod(metadata));
  const revisionOf = ({ body }: Answer): string | undefined => {
    const status = body.metadata.annotations?.["sidecar.istio.io/status"];
    return status && JSON.parse(status).revision;
  };

  test("a dry-run of a pod is injected by the revision that the namespace's labels name", async () => {
    const cases: readonly (readonly [Record<string, string>, string | undefined])[] = [
      [{ "istio-injection": "enabled" }, "default"],
      [{ "istio.io/rev": "1-20" }, "1-20"],
      [{ "istio-injection": "enabled", "istio.io/rev": "1-20" }, "default"],
      [{}, undefined],
    ];
    for (const [labels, revision] of cases) {
      const answer = await ask(await mesh.createNamespace(labels));
      assert.deepEqual([answer.status, revisionOf(answer)], [201, revision], JSON.stringify(labels));
      const containers = answer.body.spec.containers.map(({ name }: Json) => name);
      assert.equal(containers.includes("istio-proxy"), revision !== undefined);
    }
  });

  test("labels that change change it from the next pod on", async () => {
    const of = await mesh.createNamespace({ "istio-injection": "enabled" });
    assert.equal(revisionOf(await ask(of)), "default");
    const labels = { "istio-injection": null, "istio.io/rev": "1-20" };
    assert.equal((await wire.patch(corePath(of), "merge", { metadata: { labels } })).status, 200);
    await mesh.eventually("the labels to be known", async () => revisionOf(await ask(of)) === "1-20", 10);
  });

  test("that refuses connections, or does not answer, fails pods; one that is slow does not", async () => {
    const of = await mesh.createNamespace({ "istio-injection": "enabled" });
    const failed =
      /^Internal error occurred: failed calling webhook "namespace\.sidecar-injector\.istio\.io": failed to call webhook: Post "https:\/\/istiod\.istio-system\.svc:443\/inject\?timeout=10s": /;
    await mesh.setWebhookFault("default", { kind: "refuse" });
    const refused = await ask(of);
    assert.deepEqual([refused.status, refused.body.reason], [500, "InternalError"]);
    assert.match(refused.body.message, failed);
    assert.match(refused.body.message, /connection refused$/);
    await mesh.setWebhookFault("default", { kind: "hang" });
    const since = mesh.now().getTime();
    const hung = await ask(of);
    assert.match(hung.body.message, failed);
    assert.match(hung.body.message, /context deadline exceeded/);
    const seconds = (mesh.now().getTime() - since) / 1000;
    assert.ok(seconds >= 9.5 && seconds < 15, `${seconds} s`);
    await mesh.setWebhookFault("default", { kind: "slow", ms: 500 });
    assert.equal(revisionOf(await ask(of)), "default");
    await mesh.setWebhookFault("default");
    assert.equal(revisionOf(await ask(of)), "default");
  });
});
