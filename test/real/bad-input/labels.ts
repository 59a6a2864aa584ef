/** What the API server makes of the label: refused by a policy, silently changed, or of a namespace that is going. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertNoStack, told } from "../../contract/refusal.ts";
import { documentOf, labelsOf } from "../../contract/verify-result.ts";
import { eventually, type Json } from "../kit.ts";
import { inNamespace, mesh, refused, to } from "./one-mesh.ts";

/** Registers the suite. */
export function describeLabels(): void {
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
          matchConditions: [
            {
              name: "ours",
              expression: `object.metadata.labels[?'istio.io/rev'].orValue('') == '1-20' && (${condition})`,
            },
          ],
          mutations: [
            {
              patchType: "ApplyConfiguration",
              applyConfiguration: {
                expression: `Object{metadata: Object.metadata{labels: {"istio.io/rev": "elsewhere"}}}`,
              },
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
      assert.match(
        told(refusal).message,
        /^the label is refused: .*'no-revisions' .*denied request: ask the mesh team first$/,
      );
      assert.ok(
        refusal.findings.some(
          ({ severity, object }) => severity === "warning" && object === "ValidatingAdmissionPolicy/no-revisions",
        ),
      );
    });

    test("silently changed: known before it is written", async () => {
      const namespace = await inNamespace({ scenario: "rewritten-label" });
      await mesh.apply(rewriting("rewritten-label", "true"));
      const patch = JSON.stringify({ metadata: { labels: { "istio.io/rev": "1-20" } } });
      const trial = ["patch", "namespace", namespace, "--type=merge", "-p", patch, "--dry-run=server", "-o", "json"];
      await inForce(
        "the policy",
        async () => JSON.parse(await mesh.kubectl(trial)).metadata.labels["istio.io/rev"] === "elsewhere",
      );
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
        return (
          (await mesh.api.merge(`/api/v1/namespaces/${other}`, { metadata })).metadata.labels["istio.io/rev"] ===
          "elsewhere"
        );
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
      await eventually("all but that to be gone", async () => {
        const { status } = await mesh.api.get(`/api/v1/namespaces/${namespace}`);
        return status.conditions?.some(
          ({ type, status: is }: Json) => type === "NamespaceFinalizersRemaining" && is === "True",
        );
      });
      assert.match(
        told(await refused(namespace, [`namespaces-injected namespace/${namespace}`])).message,
        /^it is being deleted$/,
      );
      await mesh.api.merge(`${place}/held`, { metadata: { finalizers: null } });
    });
  });
}
