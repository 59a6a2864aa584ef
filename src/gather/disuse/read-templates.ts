/** Reads the pod templates that are not those of workloads: of CronJobs, Jobs, and controllers that nothing owns. */
import type { Cluster, ListQuery } from "../../cluster/cluster.ts";
import { type Kind, kinds } from "../../cluster/kinds.ts";
import type { KubeObject, PodTemplateSpec } from "../../mesh/kubernetes.ts";
import type { TemplateFacts } from "../../upgrade/checks/cleanup/cleanup-facts.ts";
import { placeOf } from "../evidence-objects.ts";
import { itemsOf } from "../list-kind.ts";
import type { NeededRead } from "./needed-read.ts";

type Templated = KubeObject & {
  readonly spec?: {
    readonly template?: PodTemplateSpec;
    readonly jobTemplate?: { readonly spec?: { readonly template?: PodTemplateSpec } };
  };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
};

/** A Deployment and an Argo Rollout put these labels on their ReplicaSets. */
const ownedByNone = { labelSelector: "!pod-template-hash,!rollouts-pod-template-hash" };

/** A template that the list does not have (a damaged object) is `undefined`, and so unknown. */
export const readTemplates = async (cluster: Cluster, needed: NeededRead): Promise<readonly TemplateFacts[]> => {
  const list = async (kind: Kind, query: ListQuery = {}): Promise<readonly TemplateFacts[]> =>
    (
      await needed(
        ["cleanup-templates"],
        kind.plural,
        itemsOf(cluster.list(kind as Kind<Templated>, query, (object) => templatesOf(kind.kind, object))),
      )
    )?.flat() ?? [];
  const lists = [
    list(kinds.cronJobs),
    list(kinds.jobs),
    list(kinds.replicaSets, ownedByNone),
    list(kinds.replicationControllers),
  ];
  return (await Promise.all(lists)).flat();
};

/** Of a Job that has ended no pod is created any more. */
const templatesOf = (kind: string, object: Templated): readonly TemplateFacts[] => {
  const ended = object.status?.conditions?.some(
    ({ type, status }) => status === "True" && (type === "Complete" || type === "Failed"),
  );
  if (kind === "Job" && ended) return [];
  const template = kind === "CronJob" ? object.spec?.jobTemplate?.spec?.template : object.spec?.template;
  return [{ kind, ...placeOf(object), template }];
};
