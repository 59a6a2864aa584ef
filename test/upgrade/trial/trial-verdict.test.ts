/** What the trial pods of before and after the labels say: restart, or leave everything as it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodObject } from "../../../src/mesh/kubernetes.ts";
import { refusesEveryPod, type Trial, trialVerdict } from "../../../src/upgrade/trial/trial-verdict.ts";

const letIn = (env: Readonly<Record<string, string>> = {}, image = "docker.io/istio/proxyv2:1.19.0"): Trial => ({
  kind: "let-in",
  pod: {
    metadata: { name: "web-x", namespace: "b", uid: "u" },
    spec: {
      containers: [{ name: "istio-proxy", image, env: Object.entries(env).map(([name, value]) => ({ name, value })) }],
    },
  } as PodObject,
});
const refused = (reason: string): Trial => ({ kind: "refused", reason });

const podSecurity =
  'pods "web-x" is forbidden: violates PodSecurity "baseline:latest": non-default capabilities (container "istio-init" must not include "NET_ADMIN", "NET_RAW" in securityContext.capabilities.add)';
const limits = 'pods "web-x" is forbidden: maximum cpu usage per Container is 1, but limit is 2';
const quota = 'pods "web-x" is forbidden: exceeded quota: team, requested: requests.cpu=600m, used: 1, limited: 1500m';
// deckhouse/deckhouse#8919: a quota of limits, and sidecars without any (the error of the thread)
const unlimited =
  'pods "web-x" is forbidden: failed quota: mem-cpu-hdd: must specify limits.cpu for: istio-init,istio-proxy';
// deckhouse/deckhouse#7414: policies in place of Pod Security, baseline by default since an upgrade (the error of the thread)
const policies =
  'admission webhook "admission-policy-engine.deckhouse.io" denied the request: [d8-pod-security-baseline-deny-default] init container <istio-init> has a disallowed capability';
const bare = 'admission webhook "owners" denied the request: a pod needs an owner';

type Case = readonly [
  what: string,
  before: Trial | undefined,
  after: Trial,
  failure: RegExp | undefined,
  warning: RegExp | undefined,
  accepted?: readonly string[],
];
const cases: readonly Case[] = [
  ["let in both times", letIn(), letIn(), undefined, undefined],
  ["istio#54968: let in before, Pod Security refuses it after", letIn(), refused(podSecurity), /^a trial pod of b\/Deployment\/web was let in before the labels were changed and is refused now: .*NET_ADMIN.* --skip-check trial-pod\)$/, undefined],
  ["istio#35894: let in before, any policy refuses it after", letIn(), refused(bare), /a pod needs an owner/, undefined],
  ["let in before, the quota is too small for the larger proxy", letIn(), refused(quota), /exceeded quota: team/, undefined],
  ["deckhouse/deckhouse#8919: let in before, the new sidecar has no limits and the quota wants them", letIn(), refused(unlimited), /is refused now: .*must specify limits\.cpu for: istio-init,istio-proxy/, undefined],
  ["deckhouse/deckhouse#8919: nothing was asked before, and no room would help", undefined, refused(unlimited), /^a trial pod of b\/Deployment\/web is refused: .*must specify/, undefined],
  ["deckhouse/deckhouse#7414: let in before, a policy engine refuses istio-init after", letIn(), refused(policies), /is refused now: .*istio-init> has a disallowed capability/, undefined],
  ["deckhouse/deckhouse#7414: nothing was asked before, and the policy may be against bare pods", undefined, refused(policies), undefined, /only proof: .*disallowed capability/],
  ["a policy against bare pods refuses both", refused(bare), refused(bare), undefined, /so its restarted pods are the only proof: .*needs an owner/],
  ["Pod Security refuses both: that was so before", refused(podSecurity), refused(podSecurity), undefined, /only proof/],
  ["nothing was asked before, and a policy refuses it", undefined, refused(bare), undefined, /only proof/],
  ["nothing was asked before, and Pod Security refuses every pod", undefined, refused(podSecurity), /^a trial pod of b\/Deployment\/web is refused: .*--skip-check trial-pod\)$/, undefined],
  ["nothing was asked before, and a LimitRange refuses every pod", undefined, refused(limits), /maximum cpu usage/, undefined],
  ["nothing was asked before, and a quota is full just now", undefined, refused(quota), undefined, /only proof/],
  ["refused, and accepted", letIn(), refused(podSecurity), undefined, /only proof/, ["trial-pod"]],
  ["refused before, let in after", refused(bare), letIn({ TRUST_DOMAIN: "b" }), undefined, undefined],
  ["another trust domain", letIn({ TRUST_DOMAIN: "corp.example" }), letIn({ TRUST_DOMAIN: "cluster.local" }), /is of another mesh: istio-proxy env TRUST_DOMAIN: corp.example → cluster.local; .*--skip-check trial-pod-mesh\)$/, undefined],
  ["another trust domain, accepted", letIn({ TRUST_DOMAIN: "a" }), letIn({ TRUST_DOMAIN: "b" }), undefined, /another mesh: .*accepted/, ["trial-pod-mesh"]],
  ["a network that is gone", letIn({ ISTIO_META_NETWORK: "n1" }), letIn(), /ISTIO_META_NETWORK: n1 → \(none\)/, undefined],
  ["another mesh id is a warning", letIn({ ISTIO_META_MESH_ID: "a" }), letIn({ ISTIO_META_MESH_ID: "b" }), undefined, /shows another mesh or place: istio-proxy env ISTIO_META_MESH_ID: a → b/],
  ["istio#51930: the image of another registry is a warning", letIn(), letIn({}, "registry.example/istio/proxyv2:1.20.0"), undefined, /shows another mesh or place: istio-proxy image: .*registry\.example/],
  ["another release of the same registry is none", letIn(), letIn({}, "docker.io/istio/proxyv2:1.20.0"), undefined, undefined],
]; // biome-ignore format: a table

for (const [what, before, after, failure, warning, accepted = []] of cases)
  test(what, () => {
    const verdict = trialVerdict("b/Deployment/web", before, after, { accepted, trustsBoth: false });
    if (failure === undefined) assert.equal(verdict.failure, undefined);
    else assert.match(verdict.failure ?? "", failure);
    if (warning === undefined) assert.deepEqual(verdict.warnings, []);
    else assert.match(verdict.warnings.join("\n"), warning);
  });

test("trust domains that list each other are one mesh", () => {
  const [a, b] = [letIn({ TRUST_DOMAIN: "a" }), letIn({ TRUST_DOMAIN: "b" })];
  const verdict = trialVerdict("b/Deployment/web", a, b, { accepted: [], trustsBoth: true });
  assert.deepEqual(verdict, { failure: undefined, warnings: [] });
});

test("only what is refused for every pod is an answer by its text", () => {
  assert.deepEqual([podSecurity, limits, unlimited, quota, policies, bare].map(refusesEveryPod), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
