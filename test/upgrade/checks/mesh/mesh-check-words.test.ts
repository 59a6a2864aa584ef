import assert from "node:assert/strict";
import { test } from "node:test";
import { meshFindings } from "../../../../src/upgrade/checks/mesh/mesh-checks.ts";
import { type MeshWords, mesh, ownInjector, plane, tag } from "../../../fixtures/mesh.ts";
import { halfMoved } from "../../../fixtures/meshes.ts";
import { connection } from "../../../fixtures/pods.ts";
import { dead, production, sound, undo, undoRecord } from "../../../fixtures/sound-mesh.ts";

const old = { controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18")] };
const many = Array.from({ length: 9 }, (_, at) => ({ namespace: "shop", name: `w${at}`, runs: ["1-20"] }));
const stray = (kind: "StatefulSet" | "DaemonSet" | "Rollout"): MeshWords => ({
  workloads: [{ namespace: "shop", kind, name: "cart", runs: ["1-20"] }],
});

/** What is told and what to do, of changes to a sound mesh; the first finding speaks. */
const words: readonly (readonly [change: MeshWords, message: RegExp, remedy: RegExp])[] = [
  [{ ...old, injectors: [...(sound.injectors ?? []), ...ownInjector("1-18", { deactivated: true })] }, /webhook of revision 1-18 is deactivated and no tag/, /^kubectl mesh-migrate --tag TAG --to 1-18$/],
  [{ injectors: [...ownInjector("1-20"), ...ownInjector("default", { deactivated: true })], tags: [], namespaces: [], workloads: [] }, /webhook of revision default is deactivated/, /^kubectl mesh-migrate --tag default --to default$/],
  [{ controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18", dead)], injectors: [...(sound.injectors ?? []), ...ownInjector("1-18")] }, /webhook istio-sidecar-injector-1-18 of .*: pods that it selects cannot be created$/, /delete mutatingwebhookconfiguration istio-sidecar-injector-1-18$/],
  [{ controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18", dead)], injectors: [...(sound.injectors ?? []), ...ownInjector("1-18").map((each, at) => ({ ...each, deactivated: at === 0 }))] }, /: pods that it selects cannot be created$/, /./],
  [{ controlPlanes: [...(sound.controlPlanes ?? []), plane("1-18", dead)], injectors: [...(sound.injectors ?? []), ...ownInjector("1-18", { deactivated: true })] }, /: it is deactivated and does nothing$/, /./],
  [{ controlPlanes: [plane("1-20", { readyReplicas: 0 }), plane("default")] }, /no istiod of revision 1-20 is ready: it injects/, /^kubectl describe pods/],
  [{ controlPlanes: [plane("1-20", { readyReplicas: 0, desiredReplicas: 0, istiods: [] }), plane("default")] }, /is ready, it is scaled to 0: it/, /^kubectl scale deployment istiod-1-20 -n istio-system --replicas 1$/],
  [{ injectors: [...ownInjector("1-20", { caBundle: false }), ...(sound.injectors ?? []).slice(2)] }, /^webhook istio-sidecar-injector-1-20 has no CA bundle/, /./],
  [{ tags: [tag("prod", "1-18"), tag("default", "default")] }, /: pods of namespaces that use it cannot be created$/, /--to REVISION, or: istioctl tag remove prod$/],
  [{ tags: [tag("prod", "1-18", { injects: false }), tag("default", "default")] }, /: nothing is behind it$/, /./],
  [{ controlPlanes: [plane("1-20")], tags: [], injectors: ownInjector("1-20"), namespaces: [], workloads: [] }, /points at revision default, which has no istiod/, /^kubectl mesh-migrate --tag default --to 1-20$/],
  [{ tags: [], injectors: [...ownInjector("1-20"), ...ownInjector("default")], defaultValidator: { name: "v", revision: "1-20" } }, /^revision default injects by default and revision 1-20 validates/, /--to default$/],
  [{ namespaces: undo('{"state":"open","target":{"label":5}}') }, /^a migration was begun/, /--to REVISION/],
  [{ tags: [tag("prod", "1-20", { injects: false, webhook: undefined }), tag("default", "default")] }, /tag prod has a Service and no webhook: /, /--to 1-20$/],
  [{ tags: [tag("prod", "1-20", { injects: false }), tag("default", "default")] }, /tag prod has a deactivated webhook: /, /./],
  [{ injectors: [...(sound.injectors ?? []), ...ownInjector("default")] }, /would inject its pods: istio-sidecar-injector and istio-revision-tag-default; default has/, /./],
  [{ namespaces: production({ "istio.io/rev": "typo" }), workloads: [] }, /although istio.io\/rev=typo is set/, /istio.io\/rev=REVISION --overwrite \(served today: 1-20 and default\)$/],
  [{ injectors: ownInjector("1-20"), tags: [], controlPlanes: [plane("1-20")], defaultValidator: undefined, workloads: [] }, /although istio-injection=enabled is set/, /istio.io\/rev=1-20 --overwrite \(served today: 1-20\)$/],
  [{ injectors: [], tags: [], controlPlanes: [], defaultValidator: undefined, workloads: [] }, /although istio.io\/rev=1-20 is set/, /^install a control plane, or set a tag$/],
  [{ namespaces: undo('{"state":"open"}') }, /^a migration was begun and has not ended$/, /--to REVISION \(goes on\)$/],
  [{ namespaces: undo(undoRecord({ target: { label: "prod", revision: "1-20", tag: "prod" } })) }, /^a migration to prod was begun/, /--to prod \(goes on\)$/],
  [{ connected: { "web-0": "default" } }, /\(1-20 → default\)$/, /./],
  [{ workloads: many }, /^9 pods of deployment\/w0/, / deployment\/w6 deployment\/w7 …$/],
  [{ workloads: many.slice(1) }, /^8 pods of deployment\/w1/, / deployment\/w7 deployment\/w8$/],
  [stray("StatefulSet"), /^1 pod of statefulset\/cart runs 1-20; default would/, /^kubectl rollout restart -n shop statefulset\/cart$/],
  [stray("DaemonSet"), /^1 pod of daemonset\/cart/, /daemonset\/cart$/],
  [stray("Rollout"), /^1 pod of rollout\/cart/, /^its pods have to be created again/],
]; // biome-ignore format: a table

for (const [change, message, remedy] of words) {
  test(`in words: ${message.source} → ${remedy.source}`, () => {
    const [finding] = meshFindings(mesh({ ...sound, ...change }));
    assert.match(finding?.message ?? "", message);
    assert.match(finding?.remedy ?? "", remedy);
  });
}

test("a configuration that a proxy rejects is told in the proxy's words", () => {
  const answered = mesh(sound);
  const rejected = (pod: string) =>
    connection(pod, {
      lds: "rejected",
      rejected: [{ type: "LDS", message: "duplicate listener 0.0.0.0_80" }],
    });
  const found = (...pods: readonly string[]) =>
    meshFindings({
      ...answered,
      answers: answered.answers.map((answer) =>
        answer.kind === "answered" && answer.revision === "1-20" ? { ...answer, proxies: pods.map(rejected) } : answer,
      ),
    });
  const [finding, ...rest] = found("web-0");
  assert.match(found("web-0", "web-1")[0]?.message ?? "", /^web-0 and web-1 reject configuration: LDS/);
  assert.equal(finding?.check, "configuration-rejected");
  assert.match(finding?.message ?? "", /web-0 rejects configuration: LDS: duplicate listener/);
  assert.deepEqual(rest, []);
});

test("a proxy that is moving between istiods of two revisions is no stranger while its own still lists it", () => {
  const sane = mesh(sound);
  const both = sane.answers.map((answer) =>
    answer.kind === "answered" ? { ...answer, proxies: [connection("web-0")] } : answer,
  );
  assert.deepEqual(meshFindings({ ...sane, answers: both }), []);
});

test("the remedy for stale pods follows the label: a migration where istio.io/rev says it, a restart where the default does", () => {
  const findings = meshFindings(
    mesh({
      ...sound,
      workloads: [
        { namespace: "production", name: "web", runs: ["default"] },
        { namespace: "shop", name: "cart", runs: ["1-20"] },
      ],
    }),
  );
  assert.deepEqual(
    findings.map((finding) => finding.remedy),
    ["kubectl mesh-migrate -n production --to 1-20", "kubectl rollout restart -n shop deployment/cart"],
  );
});

test("one finding a namespace, however many workloads are stale", () => {
  const workloads = Array.from({ length: 30 }, (_, index) => ({
    namespace: "production",
    name: `w${index}`,
    runs: ["default"],
  }));
  const [finding, ...rest] = meshFindings(mesh({ ...sound, workloads }));
  assert.equal(
    finding?.message,
    "30 pods of deployment/w0, deployment/w1, deployment/w2 and 27 more run default; 1-20 would inject them today",
  );
  assert.deepEqual(rest, []);
});

test("a half-moved mesh", () => {
  assert.deepEqual(
    meshFindings(halfMoved).map(({ check, message }) => `${check}: ${message}`),
    ["stale-workloads: 3 pods of deployment/api and statefulset/db run default; 1-20 would inject them today"],
  );
});
