/** Which objects are a revision's: of everything that four releases render, each one is taken, and no shared one. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { KubeObject } from "../../../src/mesh/kubernetes.ts";
import {
  type chartKinds,
  chartObjects,
  chartRef,
  isChartKind,
  refKey,
} from "../../../src/upgrade/cleanup/chart-objects.ts";
import {
  type InstalledObject,
  type InventoryFacts,
  inventoryOf,
  type Live,
} from "../../../src/upgrade/cleanup/inventory-of.ts";
import type { ResourceRef } from "../../../src/upgrade/cleanup/revision-inventory.ts";
import { installedObjects } from "../../mesh/installed.ts";
import { releases, revisionOfRelease } from "../../mesh/rendered.ts";

const namespace = "istio-system";

/** References to objects of other kinds are made up: these are shared in any case. */
const refOf = ({ kind = "", metadata }: KubeObject): ResourceRef =>
  isChartKind(kind)
    ? chartRef(kind, metadata.name, metadata.namespace)
    : {
        group: "",
        version: "v1",
        plural: kind.toLowerCase(),
        kind,
        namespace: metadata.namespace,
        name: metadata.name,
      };

const live = (object: InstalledObject): Live => ({
  ref: refOf(object),
  object: { ...object, metadata: { ...object.metadata, uid: `uid-${object.metadata.name}`, resourceVersion: "1" } },
});

/** As they are read of a cluster that has all of them. */
function factsOf(objects: readonly InstalledObject[], revision: string): InventoryFacts {
  const all = objects.map(live);
  const named = new Set(chartObjects(revision, namespace).map(({ ref }) => refKey(ref)));
  const roles = new Set(
    chartObjects(revision, namespace)
      .filter(({ proof }) => proof === "role")
      .map(({ ref }) => ref.name),
  );
  const ofKind = (...kinds: readonly string[]) => all.filter(({ ref }) => kinds.includes(ref.kind));
  return {
    revision,
    istioNamespace: namespace,
    objects: all.filter(
      ({ ref, object }) =>
        named.has(refKey(ref)) ||
        (["EnvoyFilter", "ConfigMap"].includes(ref.kind) && object.metadata.labels?.["istio.io/rev"] === revision),
    ),
    webhooks: ofKind("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
    services: ofKind("Service"),
    bindings: ofKind("RoleBinding", "ClusterRoleBinding").filter(({ object }) => roles.has(object.roleRef?.name ?? "")),
    accountUsers: ofKind("Deployment", "DaemonSet").map(({ ref, object }) => ({
      ref,
      // biome-ignore lint/suspicious/noExplicitAny: the template, which the inventory does not read
      account: (object.spec as any).template.spec.serviceAccountName,
    })),
    labelled: all.filter(({ object }) => object.metadata.labels?.["istio.io/rev"] === revision).map(({ ref }) => ref),
    connectedVersions: new Set(),
    owner: { marks: [], all: undefined, operators: [], operatorsAlive: 0, url: undefined, complete: true },
    unknown: [],
  };
}

/** What every component but istiod has, by names that no chart of istiod gives. */
const sharedName =
  /^(istio-cni|istio-ingressgateway|istio-reader-service-account$|ztunnel|istiod-default-validator|virtualservices\.|istio-cni-)/;

for (const release of releases)
  for (const [what, revision] of [
    ["revisioned", revisionOfRelease(release)],
    ["unrevisioned", "default"],
  ] as const)
    suite(`${release}, ${what}`, () => {
      const objects = installedObjects(release)[what];
      const inventory = inventoryOf(factsOf(objects, revision), { leftovers: false });
      const owned = new Set(inventory.owned.map(({ ref }) => refKey(ref)));
      test("every object of the control plane is taken, and none that is shared", () => {
        const expected = objects
          .filter(({ metadata }) => !sharedName.test(metadata.name))
          .map((each) => refKey(refOf(each)));
        assert.deepEqual([...owned].toSorted(), expected.toSorted());
        assert.ok(owned.size >= 20, `${owned.size}`);
      });
      test("what has the revision's label and stays is named", () => {
        const labelled = objects
          .filter(({ metadata }) => sharedName.test(metadata.name) && metadata.labels?.["istio.io/rev"] === revision)
          .map((each) => refKey(refOf(each)));
        const shared = inventory.shared.map(({ ref }) => refKey(ref));
        assert.ok(labelled.length > 5);
        assert.deepEqual(shared.toSorted(), labelled.toSorted());
      });
      test("webhooks go first, then Services, then the Deployment, then accounts", () => {
        const kinds = inventory.owned.map(({ ref }) => ref.kind);
        const places = [
          "MutatingWebhookConfiguration",
          "ValidatingWebhookConfiguration",
          "Service",
          "Deployment",
          "ClusterRole",
          "ServiceAccount",
        ].map((kind) => kinds.indexOf(kind));
        assert.ok(!places.includes(-1));
        assert.deepEqual(
          places,
          places.toSorted((a, b) => a - b),
        );
      });
      test("of another revision's objects none is taken", () => {
        const other = what === "revisioned" ? "default" : revisionOfRelease(release);
        assert.deepEqual(
          inventoryOf(factsOf(objects, other), { leftovers: false }).owned.map(({ ref }) => refKey(ref)),
          [],
        );
      });
    });

suite("what is not provably the revision's stays", () => {
  const revision = "1-20";
  const all = installedObjects("1.20.0").revisioned;
  const changed = (
    name: string,
    kind: string,
    change: (object: InstalledObject) => InstalledObject,
    extra: readonly InstalledObject[] = [],
  ) =>
    inventoryOf(
      factsOf(
        [...all.map((each) => (each.metadata.name === name && each.kind === kind ? change(each) : each)), ...extra],
        revision,
      ),
      { leftovers: false },
    );
  const isOwned = (inventory: ReturnType<typeof inventoryOf>, key: string): boolean =>
    inventory.owned.some(({ ref }) => refKey(ref) === key);
  const why = (inventory: ReturnType<typeof inventoryOf>, key: string): string | undefined =>
    inventory.shared.find(({ ref }) => refKey(ref) === key)?.why;
  const relabelled =
    (rev: string | undefined) =>
    (object: InstalledObject): InstalledObject => {
      const { "istio.io/rev": _, ...labels } = object.metadata.labels ?? {};
      return {
        ...object,
        metadata: { ...object.metadata, labels: { ...labels, ...(rev !== undefined && { "istio.io/rev": rev }) } },
      };
    };

  test("a Deployment with the label of another revision, or without one", () => {
    const key = "deployments.apps/istio-system/istiod-1-20";
    assert.ok(
      isOwned(
        changed("", "", (each) => each),
        key,
      ),
    );
    for (const rev of ["1-21", undefined])
      assert.ok(!isOwned(changed("istiod-1-20", "Deployment", relabelled(rev)), key), `${rev}`);
    assert.match(why(changed("istiod-1-20", "Deployment", relabelled("1-21")), key) ?? "", /is 1-21, and not 1-20/);
  });
  test("a ClusterRole that a binding of another revision refers to", () => {
    const name = "istiod-clusterrole-1-20-istio-system";
    const binding: InstalledObject = {
      kind: "ClusterRoleBinding",
      metadata: { name: "istiod-clusterrole-1-21-istio-system", uid: "" },
      roleRef: { kind: "ClusterRole", name },
      subjects: [{ kind: "ServiceAccount", name: "istiod-1-21", namespace }],
    };
    const inventory = changed("", "", (each) => each, [binding]);
    assert.match(
      why(inventory, `clusterroles.rbac.authorization.k8s.io/${name}`) ?? "",
      /istiod-clusterrole-1-21-istio-system refers to it/,
    );
    assert.ok(isOwned(inventory, `clusterrolebindings.rbac.authorization.k8s.io/${name}`));
  });
  test("a binding that somebody added a subject to, and the role behind it", () => {
    const name = "istio-reader-clusterrole-1-20-istio-system";
    const inventory = changed(name, "ClusterRoleBinding", (each) => ({
      ...each,
      subjects: [...(each.subjects ?? []), { kind: "User", name: "ann" }],
    }));
    assert.match(why(inventory, `clusterrolebindings.rbac.authorization.k8s.io/${name}`) ?? "", /binds other subjects/);
    assert.match(why(inventory, `clusterroles.rbac.authorization.k8s.io/${name}`) ?? "", /refers to it/);
  });
  test("an account that another workload runs with", () => {
    const user: InstalledObject = {
      kind: "Deployment",
      metadata: { name: "gateway", namespace, uid: "" },
      spec: { template: { spec: { serviceAccountName: "istiod-1-20" } } } as InstalledObject["spec"] & object,
    };
    const inventory = changed("", "", (each) => each, [user]);
    assert.match(why(inventory, "serviceaccounts/istio-system/istiod-1-20") ?? "", /gateway runs with it/);
  });
  test("EnvoyFilters of a version that a proxy has, and all of them where an istiod did not answer", () => {
    const facts = factsOf(all, revision);
    const filters = (versions: ReadonlySet<string> | undefined) =>
      inventoryOf({ ...facts, connectedVersions: versions }, { leftovers: false }).owned.filter(
        ({ ref }) => ref.kind === "EnvoyFilter",
      ).length;
    assert.deepEqual([filters(new Set()), filters(new Set(["1.20"])), filters(undefined)], [16, 12, 0]);
  });
  test("tags: a hand-set one that leads here is taken; the default tag and validator only where they lead nowhere", () => {
    const service = { name: "istiod-1-20", namespace };
    const caller = (
      name: string,
      labels: Record<string, string>,
      kind: keyof typeof chartKinds = "MutatingWebhookConfiguration",
    ): InstalledObject => ({
      kind,
      metadata: { name, uid: "", labels },
      webhooks: [{ name: "x", clientConfig: { service } }],
    });
    const extra = [
      caller("prod", { "istio.io/tag": "prod", "istio.io/rev": "prod" }),
      caller("istio-revision-tag-default", { "istio.io/tag": "default", "istio.io/rev": revision }),
      caller("istiod-default-validator", { "istio.io/rev": revision }, "ValidatingWebhookConfiguration"),
      caller("of-somebody", {}, "ValidatingWebhookConfiguration"),
    ];
    const names = (leftovers: boolean) =>
      inventoryOf(factsOf([...all, ...extra], revision), { leftovers })
        .owned.map(({ ref }) => ref.name)
        .filter((name) => extra.some(({ metadata }) => metadata.name === name));
    assert.deepEqual(names(false), ["prod"]);
    assert.deepEqual(names(true), ["prod", "istio-revision-tag-default", "istiod-default-validator"]);
  });
});
