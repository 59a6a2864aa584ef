/** CronJobs as far as plugins meet them: schedules of every so many minutes fire, all others never do. */
import { isGoing, type KubeJson, ownerReference } from "../object.ts";
import type { Cluster, Controller } from "./controller.ts";

export const cronJobs: Controller = { of: "cronjobs", reconcile };

const minute = 60_000;

async function reconcile(cronJob: KubeJson, cluster: Cluster): Promise<number | undefined> {
  const { spec, metadata, status = {} } = cronJob;
  const every = periodOf(spec.schedule);
  if (every === undefined || spec.suspend || isGoing(cronJob)) return undefined;
  const wall = cluster.clock.wall();
  const due = Math.floor(wall / every) * every;
  const last = Date.parse(status.lastScheduleTime ?? metadata.creationTimestamp);
  if (due > last) {
    const { metadata: marks = {}, spec: jobSpec } = spec.jobTemplate;
    await cluster.create("jobs", metadata.namespace, {
      ...{ apiVersion: "batch/v1", kind: "Job", spec: jobSpec },
      metadata: { ...marks, name: `${metadata.name}-${due / minute}`, ownerReferences: [ownerReference(cronJob)] },
    });
    await cluster.setStatus(cronJob, { ...status, lastScheduleTime: new Date(due).toISOString().replace(".000", "") });
  }
  return due + every - wall;
}

function periodOf(schedule: string): number | undefined {
  const minutes = /^(?:\*|\*\/(\d+)) \* \* \* \*$/.exec(schedule);
  return minutes ? Number(minutes[1] ?? 1) * minute : undefined;
}
