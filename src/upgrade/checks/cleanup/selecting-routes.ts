/** Who would get new proxies from the revision: namespaces, and pod templates of every kind. */
import { labelOf } from "../../../mesh/labels.ts";
import type { Workload } from "../../../mesh/model.ts";
import { blocker, cannotTell, type Observation } from "../check.ts";
import type { CleanupFacts, TemplateFacts } from "./cleanup-facts.ts";
import {
  injectionBy,
  isDefault,
  meansRevision,
  migrateCommand,
  type RouteCheck,
  readCount,
  routeRecord,
  templateUse,
  useFinding,
} from "./revision-use.ts";

export const namespacesRoute: RouteCheck = {
  ...routeRecord("cleanup-namespaces", "no namespace selects it"),
  evidence: ({ mesh }) => readCount(mesh.namespaces.length, "namespace"),
  run: (facts) =>
    facts.mesh.namespaces.flatMap((namespace) => {
      const object = `namespace/${namespace.name}`;
      const label = labelOf(namespace.labels, "istio.io/rev");
      const remedy = migrateCommand(facts, namespace.name);
      if (meansRevision(facts, label)) return [blocker(object, `it has istio.io/rev=${label}`, remedy)];
      if (labelOf(namespace.labels, "istio-injection") === "enabled" && isDefault(facts))
        return [blocker(object, "it has istio-injection=enabled, which leads to it", remedy)];
      const injection = injectionBy(facts, namespace, undefined);
      if (injection.kind === "injected" || injection.kind === "refused")
        return [blocker(object, `a new pod in it would be sent to webhook ${injection.by}`, remedy)];
      return injection.kind === "unknown"
        ? [
            cannotTell(
              object,
              `whether it would inject a new pod is unknown: ${injection.reason}`,
              "look at the webhook",
            ),
          ]
        : [];
    }),
};

/** Gateways and DaemonSets that run on nodes for the mesh are routes of their own; istiods need no proxy. */
export const templatesRoute: RouteCheck = {
  ...routeRecord("cleanup-templates", "no pod template would bring up a proxy of it"),
  evidence: (facts) =>
    `${readCount(applications(facts).length, "workload")}, ${readCount(facts.templates.length, "other template")}`,
  run: (facts) => [...applications(facts), ...facts.templates].flatMap((each) => templateFinding(facts, each)),
};

const templateFinding = (facts: CleanupFacts, object: TemplateFacts): readonly Observation[] =>
  useFinding(object, templateUse(facts, object.namespace, object.template));

const applications = ({ mesh }: CleanupFacts): readonly Workload[] =>
  mesh.workloads.filter(
    (workload) =>
      !workload.gateway &&
      !isNodeAgent(workload) &&
      !mesh.controlPlanes.some(({ deployment }) => deployment?.uid === workload.uid),
  );

/** ztunnel and the CNI plugin: one pod on each node, for the whole mesh. */
export const isNodeAgent = ({ kind, template, labels }: Workload): boolean =>
  kind === "DaemonSet" &&
  [labels, template?.metadata?.labels].some((set) =>
    ["app", "k8s-app", "app.kubernetes.io/name"].some((key) =>
      ["ztunnel", "istio-cni-node", "istio-cni"].includes(labelOf(set, key) ?? ""),
    ),
  );
