/** The real kubectl, verb by verb, on the embedded mesh, and beside it on the real one: they must not be told apart. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connectWire } from "../contract/wire.ts";
import { apiVersionOf, createResources } from "../embedded/api/resources.ts";
import { columnsOf, tableOf } from "../embedded/api/tables/table.ts";
import { eventually, type Json } from "./kit.ts";
import { boat, lives, manifests, objects } from "./kubectl/objects.ts";
import { masked, type Pair, upPair } from "./kubectl/pair.ts";

let pair: Pair;
before(async () => {
  pair = await upPair();
});
after(() => pair?.down());

/** What `rollout status` says until it is over is a matter of time. */
const settled = (what: string) => pair.run(`rollout status ${what} -n shop --timeout=30s`);

test("apply: created, unchanged, configured, by whichever side", async () => {
  const input = manifests(objects);
  await pair.same(["apply -f -"], { input });
  await pair.same(["apply -f -"], { input: manifests([boat]) });
  await pair.same(["apply -f -"], { input });
  await settled("deploy/web sts/db ds/agent");
  await pair.same([
    "wait --for=condition=Available deploy/web -n shop --timeout=20s",
    "rollout status deploy/web sts/db ds/agent -n shop --timeout=20s",
    "wait --for=condition=Complete job/once -n shop --timeout=20s",
    "wait '--for=jsonpath={.status.currentHealthy}=2' pdb/web -n shop --timeout=20s",
  ]);
});

test("get: the columns that people see", async () => {
  await pair.alike([
    "get all -n shop",
    "get all -n shop -o wide",
    "get pods,svc,deploy -n shop",
    "get pod/db-0 svc/web -n shop",
    "get pods -n shop -l app=web",
    "get pods -n shop -l 'app in (web,db),!tier'",
    "get pods -n shop --field-selector=status.phase=Succeeded",
    "get pods -n shop --field-selector=metadata.name=db-0 --show-labels=false -L app,nope",
    "get pods -A -l app=web",
    "get deploy -n shop --no-headers",
    "get pods -n shop --sort-by=.metadata.name",
    "get sa,secrets,leases,quota,netpol,role,rolebinding,pdb,hpa -n shop -o wide",
    "get cm settings kube-root-ca.crt -n shop",
    "get sa -n shop --chunk-size=1",
    "get controllerrevisions -n shop",
    "get endpointslices -n shop",
    "get boats -n shop",
    "get boats -n shop -o wide",
    "get boat mary -n shop -o jsonpath={.spec.owner}",
    "get ns shop kube-system",
    "get mutatingwebhookconfigurations,validatingwebhookconfigurations",
    "get crd boats.x.example -o name",
    "get clusterrole cluster-admin",
    "get clusterrolebinding cluster-admin -o wide",
    "get nodes",
    "get deploy web -n shop -o name",
    "get deploy web -n shop -o jsonpath={.spec.template.spec.containers[*].image}",
    "get cm settings -n shop -o yaml",
    "get svc web -n shop -o 'custom-columns=N:.metadata.name,P:.spec.ports[0].port,I:.spec.clusterIP'",
    "get deploy web -n shop -o jsonpath={.spec}",
    "get pods -n nothing-here",
    "get pods",
  ]);
});

test("describe: with the events", async () => {
  await pair.alike([
    "describe ns shop",
    "describe deploy web -n shop",
    "describe rs -n shop -l app=web",
    "describe sts db -n shop",
    "describe job once -n shop",
    "describe cj nightly -n shop",
    "describe svc web -n shop",
    "describe pdb web -n shop",
    "describe quota plenty -n shop",
    "describe cm settings -n shop",
    "describe netpol all -n shop",
    "describe role,rolebinding -n shop",
    "describe lease turn -n shop",
    "describe pod nope -n shop",
    "get events -n shop --field-selector=involvedObject.kind=Deployment",
    "events -n shop --for=deploy/web",
  ]);
});

test("label, annotate: set, changed, taken away, refused", async () => {
  await pair.same([
    "label ns shop tier=gold",
    "label ns shop tier=silver",
    "label ns shop tier=silver --overwrite --resource-version=1",
    "label ns shop tier=silver --overwrite",
    "label ns shop 'tier=not so' --overwrite",
    "label ns shop tier-",
    "label ns shop tier-",
    "label pods --all -n shop seen=yes",
    "label pods -n shop -l app=web seen-",
    "label ns nope a=b",
    "label ns shop a=b --dry-run=server",
    "get ns shop --show-labels",
    "annotate deploy web -n shop note=hello",
    "annotate deploy web -n shop note=bye",
    "annotate deploy web -n shop note-",
    "get deploy web -n shop -o jsonpath={.metadata.generation}{.status.observedGeneration}",
  ]);
});

test("create, patch, scale, delete: done and refused", async () => {
  await pair.same([
    "create namespace made",
    "create namespace made",
    "create namespace Not_So",
    "create deployment x --image=registry.example/x:1 --replicas=2 --port=80 -n made",
    "create deployment x --image=registry.example/x:1 -n nope",
    "create configmap cm --from-literal=a=b -n made",
    "create sa bot -n made",
    "get cm cm -n made -o jsonpath={.data}",
    "get deploy x -n made -o jsonpath={.metadata.labels}{.spec}",
    "run one --image=registry.example/x:1 -n made",
    "expose deploy x -n made --port=80",
    "scale deploy x -n made --replicas=3",
    "scale deploy x -n made --replicas=4 --current-replicas=9",
    "scale deploy x -n made --replicas=4 --resource-version=1",
    "wait '--for=jsonpath={.status.readyReplicas}=3' deploy/x -n made --timeout=20s",
    `patch deploy x -n made -p '{"spec":{"replicas":1}}'`,
    `patch deploy x -n made --type=merge -p '{"spec":{"replicas":2}}'`,
    `patch deploy x -n made --type=merge -p '{"spec":{"replicas":2}}'`,
    `patch deploy x -n made --type=json -p '[{"op":"replace","path":"/spec/minReadySeconds","value":1}]'`,
    `patch deploy x -n made --type=json -p '[{"op":"test","path":"/spec/replicas","value":7}]'`,
    `patch deploy x -n made --type=json -p '[{"op":"remove","path":"/spec/nope"}]'`,
    `patch deploy x -n made -p '{"metadata":{"resourceVersion":"1"}}'`,
    `patch deploy x -n made -p '{"spec":{"selector":{"matchLabels":{"app":"y"}}}}'`,
    "patch deploy x -n made -p not-json",
    "set image deploy/x x=registry.example/x:2 -n made",
    "delete pod one -n made --dry-run=server",
    "delete pod one -n made",
    "wait --for=delete pod/one -n made --timeout=10s",
    "delete deploy x -n made",
    "delete deploy x -n made",
    "delete deploy x -n made --ignore-not-found",
    "delete cm -l none=such -n made",
    "delete sa --all -n made",
    "delete ns made",
    "get ns made",
    "delete ns default",
  ]);
});

test("rollout: restart, status, history, undo, pause", async () => {
  await pair.same(["create deployment r --image=registry.example/r:1 --replicas=2 -n shop"]);
  await settled("deploy/r");
  await pair.same(["rollout status deploy r -n shop", "set image deploy/r r=registry.example/r:2 -n shop"]);
  await settled("deploy/r");
  await pair.same([
    "rollout history deploy r -n shop",
    "rollout history deploy r -n shop --revision=2",
    "rollout history deploy r -n shop --revision=9",
    "rollout undo deploy r -n shop --to-revision=9",
    "rollout undo deploy r -n shop",
  ]);
  await settled("deploy/r");
  await pair.same([
    "get deploy r -n shop -o jsonpath={.spec.template.spec.containers[0].image}",
    "rollout history deploy r -n shop",
    "rollout pause deploy r -n shop",
    "rollout pause deploy r -n shop",
    "rollout restart deploy r -n shop",
    "rollout undo deploy r -n shop",
    "rollout resume deploy r -n shop",
    "rollout restart deploy r sts/db ds/agent -n shop",
    "rollout restart deploy nope -n shop",
  ]);
  await settled("deploy/r sts/db ds/agent");
  await pair.same([
    "rollout status deploy/r sts/db ds/agent -n shop --timeout=20s",
    "rollout history sts db -n shop",
    "rollout history ds agent -n shop",
    "rollout undo sts db -n shop",
    "rollout undo ds agent -n shop",
    "delete deploy r -n shop",
  ]);
  await settled("sts/db ds/agent");
});

test("wait: for a condition, a value, the beginning and the end", async () => {
  await pair.alike([
    "wait --for=condition=Available deploy --all -n shop --timeout=10s",
    "wait --for=condition=Available=false deploy/web -n shop --timeout=1s",
    "wait --for=condition=Ready pod -l app=web -n shop --timeout=10s",
    "wait '--for=jsonpath={.spec.replicas}=2' deploy/web -n shop --timeout=5s",
    "wait '--for=jsonpath={.spec.replicas}=9' deploy/web -n shop --timeout=1s",
    "wait --for=create cm/never -n shop --timeout=1s",
    "wait --for=delete cm/never -n shop --timeout=1s",
    "wait --for=delete cm/settings -n shop --timeout=2s",
    "wait --for=condition=Available deploy/never -n shop --timeout=1s",
  ]);
});

test("logs, and what can not be had", async () => {
  await pair.alike([
    "logs db-0 -n shop",
    "logs deploy/web -n shop --tail=1",
    "logs -l app=web -n shop --prefix --tail=1",
    "logs db-0 -n shop -c nope",
    "logs nope -n shop",
    "get nope",
    "get pods nope db-0 -n shop",
    "get pods -n shop --field-selector=a=b",
    "get boats/none -n shop",
  ]);
});

test("auth can-i, and who is not let", async () => {
  await pair.alike([
    "auth can-i get pods",
    "auth can-i get pods -n shop --as=eve",
    "auth can-i delete pods -n shop --as=eve",
    "auth can-i get pods/log -n shop --as=eve",
    "auth can-i '*' '*' --as=eve --as-group=system:masters",
    "auth can-i create deployments -n shop --as=system:serviceaccount:shop:bot",
    "get pods -n shop -l app=db --as=eve",
    "get deploy -n shop --as=eve",
    "label ns shop x=y --as=eve",
    "delete pod db-0 -n shop --as=eve",
  ]);
});

test("server-side: apply, dry-run, diff; who owns a field", async () => {
  const color = (value: string) =>
    manifests([
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "paint", namespace: "shop" }, data: { color: value } },
    ]);
  const apply = (flags: string, value: string) =>
    pair.same([`apply --server-side -f - ${flags}`], { input: color(value) });
  await apply("", "red");
  await apply("", "red");
  await apply("--field-manager=other", "blue");
  await apply("--field-manager=other --force-conflicts", "blue");
  await apply("--dry-run=server --force-conflicts", "green");
  await pair.same([
    "get cm paint -n shop -o jsonpath={.data.color}",
    "get cm paint -n shop -o jsonpath={.metadata.managedFields[*].manager}",
  ]);
  await pair.same(["create -f -"], { input: color("red") });
  await pair.same(["replace -f -"], { input: color("white") });
  await pair.same(["diff -f -"], { input: color("white") });
  await pair.same(["apply -f - --dry-run=client"], {
    input: JSON.stringify({ apiVersion: "v1", kind: "List", items: [boat] }),
  });
  await pair.same(["delete -f -", "delete -f -"], { input: color("white") });
  await pair.same(["apply -f -"], { input: "kind: ConfigMap" });
  await pair.same(["apply -f -"], { input: "apiVersion: v1\nkind: Nothing\nmetadata: { name: x }" });
});

test("get --watch: rows as things change", async () => {
  await pair.same(["create configmap one --from-literal=a=b -n shop", "label cm one watched=yes -n shop"]);
  const watches = ["get cm -n shop -w -l watched=yes", "get cm -n shop -w -l watched=yes -o name"].map((line) =>
    pair.watch(line),
  );
  const rows = (count: number) =>
    Promise.all(watches.map(({ until }) => until((printed) => printed.split("one").length > count)));
  await rows(1);
  await pair.same([`patch cm one -n shop -p '{"data":{"c":"d"}}'`]);
  await rows(2);
  await pair.same(["label cm one watched- -n shop"]);
  await rows(3);
  for (const watch of watches) {
    const { embedded, real } = await watch.end();
    assert.equal(embedded, real);
  }
});

test("port-forward: to a pod, to what has pods, to where nobody listens", async () => {
  const asked = ["deploy/istiod-1-20 :15014", "svc/istiod :15014"].map((what) =>
    pair.forward(`port-forward -n istio-system ${what}`, async (url) => {
      const first = await fetch(`${url}/version`);
      const again = await fetch(`${url}/debug/syncz`);
      return [first.status, (await first.text()).slice(0, 6), again.status, Array.isArray(await again.json())];
    }),
  );
  const [revisioned, plain] = await Promise.all(asked);
  assert.deepEqual(revisioned, { embedded: [200, "1.20.0", 200, true], real: [200, "1.20.0", 200, true] });
  assert.deepEqual(plain, { embedded: [200, "1.19.0", 200, true], real: [200, "1.19.0", 200, true] });
  const refused = await pair.forward("port-forward -n istio-system deploy/istiod :9999", (url) =>
    fetch(url).then(
      ({ status }) => status,
      () => "broken",
    ),
  );
  assert.deepEqual(refused, { embedded: "broken", real: "broken" });
  await pair.same([
    "port-forward -n istio-system svc/istiod :9999",
    "port-forward -n shop pod/nope :80",
    "port-forward -n shop job/once :80",
  ]);
});

test("what there is: of the real server's resources those that are here are the same", async () => {
  const { embedded, real } = await pair.run("api-resources --no-headers");
  const lines = (text: string) => masked(text).split("\n");
  assert.deepEqual(
    lines(embedded.stdout).filter((line) => !lines(real.stdout).includes(line)),
    [],
  );
  const versions = await pair.run("api-versions");
  assert.deepEqual(
    lines(versions.embedded.stdout).filter((line) => !lines(versions.real.stdout).includes(line)),
    [],
  );
});

test("our plugins, by kubectl", async () => {
  await pair.same(["label ns shop istio-injection=enabled", "rollout restart deploy/web sts/db ds/agent -n shop"]);
  await settled("deploy/web sts/db ds/agent");
  await pair.same([
    "mesh-revisions",
    "mesh-revisions -n shop -o name",
    "mesh-migrate -n shop --to 1-20",
    "mesh-migrate -n shop --to 1-20 --allow-downtime statefulset/db --dry-run=client",
    "mesh-migrate -n shop --to 1-99",
  ]);
  // What it says on the way is a matter of time.
  const { embedded, real } = await pair.run("mesh-migrate -n shop --to 1-20 --allow-downtime statefulset/db");
  assert.deepEqual([embedded.code, masked(embedded.stdout)], [0, masked(real.stdout)], embedded.stderr);
  assert.equal(real.code, 0, real.stderr);
  await pair.same(["mesh-migrate -n shop --to 1-20"]);
  await pair.same(["get ns shop --show-labels", "mesh-revisions -n shop"]);
});

test("version, cluster-info", async () => {
  await pair.same(["version", "cluster-info"]);
});

// The last one: proxies that crash are connected by chance.
test("tables: of the real server's own objects the embedded one makes the tables that the real one makes", async () => {
  await pair.same(["apply -f -"], { input: manifests(lives) });
  await pair.run("wait --for=condition=Ready pod/going -n lives --timeout=20s");
  await pair.run("delete pod going -n lives --wait=false");
  const { api, kubeconfig } = pair.real;
  await eventually("a crash and a pull that failed", async () => {
    const { items } = await api.get("/api/v1/namespaces/lives/pods");
    const reasons = items.flatMap(({ status }: Json) =>
      (status.containerStatuses ?? []).map(({ state }: Json) => state.waiting?.reason),
    );
    return ["CrashLoopBackOff", "ImagePullBackOff"].every((reason) => reasons.includes(reason));
  });
  const wire = connectWire({ kubeconfig, during: (promise) => promise });
  const boats: Json = objects.find((each) => (each as Json).kind === "CustomResourceDefinition");
  const resources = createResources();
  resources.define(boats);
  let rows = 0;
  for (const resource of resources.all()) {
    const { group, plural } = resource;
    const path = `/${group === "" ? "api" : "apis"}/${apiVersionOf(resource)}/${plural}`;
    const { list, table } = await eventually(`a list of ${plural} and its table of the same moment`, async () => {
      const [list, table] = [
        (await wire.get(path)).body,
        (await wire.get(path, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" })).body,
      ];
      return list.metadata.resourceVersion === table.metadata.resourceVersion && { list, table };
    });
    const columns = columnsOf(resource, group === "x.example" ? boats : undefined);
    const made = tableOf({ columns, now: Date.now(), include: "None" }, list.metadata, list.items);
    const heads = ({ columnDefinitions }: Json) =>
      columnDefinitions.map(({ name, type, format, priority }: Json) => ({ name, type, format, priority }));
    const cells = ({ rows }: Json) =>
      (rows ?? []).map((row: Json) => row.cells.map((cell: Json) => (typeof cell === "string" ? aged(cell) : cell)));
    assert.deepEqual(heads(made), heads(table), plural);
    assert.deepEqual(cells(made), cells(table), plural);
    rows += list.items.length;
  }
  assert.ok(rows > 150, `${rows} objects`);
});

/** An age, which the two reckon a moment apart. */
const aged = (cell: string): string => cell.replace(/\b(\d+[smh]){1,2}(?= ago\)|$)/, "AGE");
