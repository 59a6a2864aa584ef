import assert from "node:assert/strict";
import { test } from "node:test";
import { calledRevisions, revisionsBehind } from "../../../src/mesh/from/called-revision.ts";
import { injectorsFrom } from "../../../src/mesh/from/injectors.ts";
import { podFrom } from "../../../src/mesh/from/pod.ts";
import { tagsFrom } from "../../../src/mesh/from/tag.ts";
import type {
  Labels,
  ServiceObject,
  WebhookConfigurationObject,
  WorkloadObject,
} from "../../../src/mesh/kubernetes.ts";
import { istiodPod } from "../../fixtures/api-objects.ts";
import { rendered } from "../rendered.ts";

const service = (name: string, selector?: Labels, namespace = "istio-system"): ServiceObject => ({
  metadata: { name, namespace, uid: name },
  spec: selector ? { selector } : {},
});
const { istiod, prodStable } = rendered("1.20.0");
const pods = [istiodPod("old", "1-19"), istiodPod("new", "1-20"), istiodPod("new-2", "1-20")].map(podFrom);
const inIstioSystem = (deployment: WorkloadObject): WorkloadObject => ({
  ...deployment,
  metadata: { ...deployment.metadata, namespace: "istio-system" },
});

const cases: Record<string, [ServiceObject, typeof pods, string | undefined]> = {
  "the revision of the pods": [service("a", { app: "istiod", "istio.io/rev": "1-20" }), pods, "1-20"],
  "the revision of the Deployment where no pod runs": [
    service("a", { app: "istiod", "istio.io/rev": "1-20" }),
    [],
    "1-20",
  ],
  nobody: [service("a", { app: "istiod", "istio.io/rev": "1-18" }), pods, undefined],
  "pods of several revisions": [service("a", { app: "istiod" }), pods, undefined],
  "no selector: its endpoints are written by hand": [service("a"), pods, undefined],
  "an empty selector selects nothing": [service("a", {}), pods, undefined],
  "pods of another namespace": [service("a", { app: "istiod", "istio.io/rev": "1-20" }, "other"), pods, undefined],
};
for (const [title, [given, found, expected]] of Object.entries(cases))
  test(`behind a Service: ${title}`, () => {
    const behind = revisionsBehind([given], [inIstioSystem(istiod)], found);
    assert.equal(behind.get(`${given.metadata.namespace}/a`), expected);
  });

/** A tag as public upgraders move it: only the name of the Service is patched. */
const movedByService = (labels: Labels, ...services: string[]): WebhookConfigurationObject => ({
  metadata: { ...prodStable.metadata, labels: { ...prodStable.metadata.labels, ...labels } },
  webhooks: (prodStable.webhooks ?? []).map((entry, index) => ({
    ...entry,
    clientConfig: { service: { namespace: "istio-system", name: services[index % services.length] as string } },
  })),
});

test("a tag points where its webhook leads; its label is kept beside it", () => {
  const behind = new Map([
    ["istio-system/istiod-1-20", "1-20"],
    ["istio-system/istiod-1-19", "1-19"],
  ]);
  const facts = { behind, readyEndpoints: new Map(), policies: new Map(), versions: new Map([["1-20", "1.20.0"]]) };
  const read = (configuration: WebhookConfigurationObject) => {
    const injectors = injectorsFrom([configuration], facts);
    return {
      tags: tagsFrom([configuration], injectors, [], behind).map(({ revision }) => revision),
      called: injectors.map(({ revision, labelled, version }) => [revision, labelled, version]),
    };
  };
  const each = (revision: string, labelled: string | undefined, version: string | undefined) =>
    Array.from({ length: 2 }, () => [revision, labelled, version]);
  const named = read(movedByService({ "istio.io/rev": "prod-stable" }, "istiod-1-20"));
  assert.deepEqual(named, { tags: ["1-20"], called: each("1-20", "prod-stable", "1.20.0") });
  const stale = read(movedByService({ "istio.io/rev": "1-20" }, "istiod-1-19"));
  assert.deepEqual(stale, { tags: ["1-19"], called: each("1-19", "1-20", undefined) });
  const agreed = read(movedByService({ "istio.io/rev": "1-20" }, "istiod-1-20"));
  assert.deepEqual(agreed, { tags: ["1-20"], called: each("1-20", undefined, "1.20.0") });
  const nowhere = read(movedByService({ "istio.io/rev": "1-18" }, "istiod-1-18"));
  assert.deepEqual(nowhere.tags, ["1-18"], "the label is all that is known");
  const both = read(movedByService({ "istio.io/rev": "1-20" }, "istiod-1-20", "istiod-1-19"));
  assert.deepEqual(both.tags, ["1-20", "1-19"], "a tag half moved is an entry of each");
});

test("a configuration without entries calls whom its label names", () => {
  const metadata = { name: "x", uid: "x", labels: { "istio.io/rev": "1-20" } };
  assert.deepEqual(calledRevisions({ metadata }, new Map()), ["1-20"]);
});
