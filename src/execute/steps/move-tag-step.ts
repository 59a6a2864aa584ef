/** Moves a tag, object by object, and proves every Gateway that follows it. */
import { sleep } from "../../cluster/clock.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import { type Kind, kinds } from "../../cluster/kinds.ts";
import type { Condition, GatewayObject } from "../../mesh/kubernetes.ts";
import type { ObjectRef } from "../../mesh/model.ts";
import { refText } from "../../mesh/object-ref.ts";
import { type MoveTagStep, stepKey } from "../../upgrade/plan/step.ts";
import type { TagRecord } from "../../upgrade/record/tag-record.ts";
import type { TagChange } from "../../upgrade/tags/tag-parts.ts";
import type { ProgressTask } from "../progress.ts";
import type { StepActions } from "../run-plan.ts";
import type { Tools } from "../tools.ts";
import { closeTagRecord, writeTagObject } from "./write-tag.ts";

interface TagMoved {
  readonly task: ProgressTask | undefined;
  /** The routes of each Gateway before the move; a Gateway that was not programmed then is not in it. */
  readonly routes: ReadonlyMap<string, number>;
}

type GatewayWithStatus = GatewayObject & {
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly listeners?: readonly { readonly attachedRoutes?: number }[];
  };
};

export const moveTagActions: StepActions<MoveTagStep, TagMoved> = {
  podsInFlight: () => 0,

  /** The records are closed where everything that began behind the tag has arrived. */
  guard: async ({ record }, { journal }) => {
    if (record !== "close") return "go";
    const isWhole = [...journal.outcomes().values()].every(({ state }) => state === "proven");
    return isWhole && journal.failure() === undefined ? "go" : "skip";
  },

  apply: async (step, tools) => {
    const { cluster, ledger } = tools;
    const { run, stamp } = ledger.runOf(step.namespace);
    if (step.record === "close") {
      for (const change of step.changes) await closeTagRecord(cluster, change, run);
      return { task: undefined, routes: new Map() };
    }
    const task = tools.sectionOf(step.namespace).task(`tag/${step.tag}`, `tag ${step.tag}`);
    try {
      const routes = await routesOf(step.gateways, tools);
      for (const change of step.changes) {
        // An object that was changed stays changed, whatever comes of the next one.
        tools.journal.note(stepKey(step), { reason: "part of its objects may have been written" });
        await writeTagObject(cluster, change, recordOf(step, change, { run, stamp }), { dryRun: false });
      }
      tools.journal.note(stepKey(step), { reason: undefined });
      return { task, routes };
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      task.fail(error.message);
      throw step.changes.length > 1 ? mayBeWritten(error) : error;
    }
  },

  prove: async ({ gateways, to, record }, { task, routes }, _, tools) => {
    const reason = record === "open" ? await lostGateway(gateways, routes, tools) : undefined;
    if (reason !== undefined) task?.fail(reason);
    else task?.done(to === undefined ? "removed" : `on ${to}`);
    return reason === undefined ? { state: "proven", reason: undefined } : { state: "failed", reason };
  },
};

/** One object may have been written before the one that was refused. */
const mayBeWritten = (error: ClusterError): ClusterError =>
  new ClusterError(error.message, { reason: error.reason, hint: error.hint, ambiguous: true, cause: error });

/** What was found first stays in the record, also where a run goes on with an unfinished one. */
function recordOf(
  step: MoveTagStep,
  { before, after, record }: TagChange,
  { run, stamp }: Pick<TagRecord, "run" | "stamp">,
): TagRecord | null {
  if (step.record === "remove" || step.to === undefined || after === undefined) return null;
  const { tag, to: target, from } = step;
  const isResumed = record?.state === "open" && record.run === run && record.target === target;
  return {
    ...{ version: 1, run, tag, target, stamp, state: "open" },
    from: from ?? null,
    before: isResumed ? record.before : (before ?? null),
    after,
  };
}

/** A Gateway that is taken over is programmed anew within this time (ms). */
const programmedMs = 30_000;
/** Its old owner still reports its status for a moment (ms). */
const settleMs = 5_000;

/** Why a Gateway is not as before; undefined where each one is. One that was not programmed before is not waited for. */
async function lostGateway(
  gateways: readonly ObjectRef[],
  routes: TagMoved["routes"],
  tools: Tools,
): Promise<string | undefined> {
  const { clock, stop } = tools;
  if (routes.size === 0) return undefined;
  const since = clock.now();
  for (;;) {
    await sleep(clock, clock.now() - since < settleMs ? settleMs : 1_000, stop.now);
    stop.now.throwIfAborted();
    const now = await routesOf(gateways, tools).catch((error: unknown) => {
      if (error instanceof ClusterError) return undefined;
      throw error;
    });
    const lost = [...routes].find(([name, before]) => (now?.get(name) ?? -1) < before);
    if (lost === undefined) return undefined;
    if (clock.now() - since < programmedMs) continue;
    const [name, before] = lost;
    const found = now?.get(name);
    return found === undefined
      ? `${name} is not programmed ${programmedMs / 1000} s after the tag was moved`
      : `${name} has ${found} of ${before} attached routes ${programmedMs / 1000} s after the tag was moved`;
  }
}

/** The attached routes of each Gateway that is programmed. Throws `ClusterError`. */
async function routesOf(gateways: readonly ObjectRef[], { cluster }: Tools): Promise<ReadonlyMap<string, number>> {
  const found = await Promise.all(
    gateways.map(async (ref) => {
      const gateway = await cluster.get(kinds.gateways as Kind<GatewayWithStatus>, ref.name, ref.namespace);
      const { conditions = [], listeners = [] } = gateway?.status ?? {};
      const isProgrammed = conditions.some(({ type, status }) => type === "Programmed" && status === "True");
      const attached = listeners.reduce((sum, { attachedRoutes = 0 }) => sum + attachedRoutes, 0);
      return isProgrammed ? [[refText(ref), attached] as const] : [];
    }),
  );
  return new Map(found.flat());
}
