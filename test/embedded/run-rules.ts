/**
 * What holds at every write of every run, judged by the API server: it has a live lock and an intent in the journal, it
 * stays in its namespaces, it restarts nothing twice, and no other run writes between its writes.
 */
import { undoAnnotation } from "../../src/mesh/model.ts";
import { isMalformed } from "../../src/upgrade/record/record-fields.ts";
import { journalKey, parseJournal, type RunRecord, stateName } from "../../src/upgrade/record/run-journal.ts";
import type { Asked } from "./api/request.ts";
import type { Change } from "./api/store.ts";
import { workloadPlurals } from "./availability-violations.ts";
import { isEffect, isOurs, isWrite } from "./faults.ts";
import type { EmbeddedMesh } from "./mesh.ts";
import type { Json, KubeJson } from "./object.ts";
import { isOfKilled } from "./program.ts";

export interface RunRules extends Disposable {
  /** In words; empty where every rule was kept until now. */
  broken(): readonly string[];
  /** The user of the program that wrote to a namespace last. */
  lastWriter(namespace: string): string | undefined;
}

export interface RuleOptions {
  /** The namespaces that the runs were given. */
  readonly scope: readonly string[];
  /** How often one run may restart a workload in one direction. */
  readonly restarts: number;
  /** Whether somebody deleted this state of ours there lately: then what a run finds later cannot be asked of it yet. */
  readonly excused?: (plural: "leases" | "configmaps", namespace: string) => boolean;
}

const stampKey = "kubectl.kubernetes.io/restartedAt";
const stampOf = ({ spec }: KubeJson): string | null => spec.template.metadata.annotations?.[stampKey] ?? null;

/**
 * Watches every request of programs (program.ts). A write is judged when it comes in, against what the server has
 * then.
 */
export function watchRules(mesh: EmbeddedMesh, { scope, restarts, excused = () => false }: RuleOptions): RunRules {
  const { store, resources, clock } = mesh;
  const broken: string[] = [];
  /** Who wrote to a namespace, one entry for writes in a row. */
  const writers = new Map<string, string[]>();
  const counts = new Map<string, number>();
  /** Restarts that were asked for: by workload and stamp, in words. */
  const restartsAsked = new Map<string, { readonly asked: Asked; readonly restart: string }>();

  const find = (plural: string, namespace: string | undefined, name: string): KubeJson | undefined =>
    store.get(resources.named(plural), namespace, name);
  const tell = ({ method, url, user }: Asked, what: string): void =>
    void broken.push(`${new Date(clock.wall()).toISOString()} ${user.name}: ${method} ${url.pathname}: ${what}`);

  /** The open run of the journal that this user runs. */
  const openRun = (namespace: string, user: string): RunRecord | undefined => {
    const text = find("configmaps", namespace, stateName)?.data?.[journalKey];
    const journal = text === undefined ? undefined : parseJournal(text);
    if (journal === undefined || isMalformed(journal)) return undefined;
    return journal.runs.findLast(({ state, by }) => state === "open" && by.startsWith(`${user}@`));
  };

  const judgeLock = (asked: Asked, namespace: string): void => {
    const lease = find("leases", namespace, stateName);
    const { holderIdentity = "", renewTime, leaseDurationSeconds = 0 }: Json = lease?.spec ?? {};
    if (!holderIdentity.startsWith(`${asked.user.name}@`))
      tell(asked, lease ? `the lock is held by "${holderIdentity}"` : "there is no lock");
    else if (Date.parse(renewTime) + leaseDurationSeconds * 1000 <= clock.wall())
      tell(asked, `the lock was renewed at ${renewTime} last`);
  };

  const judgeIntent = (asked: Asked, run: RunRecord | undefined): void => {
    const { resource, name } = asked.route as NonNullable<Asked["route"]>;
    if (!run) tell(asked, "the journal has no open run of this program");
    if (!run || !workloadPlurals.includes(resource.plural)) return;
    const entry = run.workloads.find((each) => each.kind === resource.kind && each.name === name);
    if (entry?.state !== "begun") tell(asked, `the journal has it as ${entry?.state ?? "nothing"}`);
  };

  const judgeTurn = (asked: Asked, namespace: string): void => {
    const turns = writers.get(namespace) ?? [];
    writers.set(namespace, turns);
    const { name } = asked.user;
    if (turns.at(-1) === name) return;
    if (turns.includes(name)) tell(asked, `${turns.at(-1)} has written to ${namespace} between its writes`);
    turns.push(name);
  };

  const noteRestart = (asked: Asked, namespace: string, run: RunRecord | undefined): void => {
    const { resource, name } = asked.route as NonNullable<Asked["route"]>;
    if (!workloadPlurals.includes(resource.plural)) return;
    const annotations = asked.body?.spec?.template?.metadata?.annotations;
    const stamp = annotations?.[stampKey];
    if (stamp === undefined) return;
    const { "istio-injection": injection, "istio.io/rev": revision } =
      find("namespaces", undefined, namespace)?.metadata.labels ?? {};
    const restart = `${namespace}/${resource.kind}/${name} by run ${run?.run} under ${injection ?? revision}`;
    restartsAsked.set(`${namespace}/${resource.kind}/${name} ${stamp}`, { asked, restart });
  };

  const see = (asked: Asked): void => {
    if (!isOurs(asked) || isOfKilled(asked) || !isEffect(asked) || !asked.route) return;
    const { resource, namespace = "", name } = asked.route;
    const place = resource.plural === "namespaces" ? name : namespace;
    if (!scope.includes(place)) tell(asked, "outside of what it was given");
    if (!isWrite(asked)) return;
    const run = openRun(place, asked.user.name);
    if (!excused("leases", place)) judgeLock(asked, place);
    if (!excused("configmaps", place)) judgeIntent(asked, run);
    judgeTurn(asked, place);
    noteRestart(asked, place, run);
  };

  const countRestart = ({ type, resource, object, before }: Change): void => {
    if (type !== "MODIFIED" || !workloadPlurals.includes(resource.plural) || !before) return;
    const { kind, metadata } = object;
    if (stampOf(before) === stampOf(object)) return;
    const found = restartsAsked.get(`${metadata.namespace}/${kind}/${metadata.name} ${stampOf(object)}`);
    if (!found) return;
    const count = (counts.get(found.restart) ?? 0) + 1;
    counts.set(found.restart, count);
    if (count > restarts) tell(found.asked, `restart ${count} of ${found.restart}`);
  };

  const stops = [
    mesh.onRequest((asked) => {
      see(asked);
      return undefined;
    }),
    store.onChange(countRestart),
  ];
  return {
    broken: () => broken,
    lastWriter: (namespace) => writers.get(namespace)?.at(-1),
    [Symbol.dispose]: () => {
      for (const stop of stops) stop();
    },
  };
}

/** Labels and undo record of a namespace, as they are in the cluster. */
export const labelsAndRecord = ({ store, resources }: EmbeddedMesh, namespace: string) => {
  const { labels = {}, annotations = {} } =
    store.get(resources.named("namespaces"), undefined, namespace)?.metadata ?? {};
  return { labels, record: annotations[undoAnnotation] };
};
