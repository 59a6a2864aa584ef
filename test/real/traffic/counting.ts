/**
 * Counts what a stream of requests saw, from what its clients wrote. Pure: times are in ms since the epoch, and given.
 * A client that cannot be believed makes the count unknown: "0 failed" is said of clients that said it.
 */
import type { ClientLog, Failure } from "./client-lines.ts";

/** A client says something each second: one that was silent for so long is dead, or does not get the processor. */
const silentMs = 5_000;
/** A client that sent less than this part of its rate was no steady stream. */
const leastShare = 0.5;

export interface Count {
  readonly ok: number;
  readonly failed: number;
}

/** What the stream saw in a span of time. */
export interface Traffic {
  readonly seconds: number;
  readonly requests: number;
  readonly failed: number;
  /** By client and kind: "shop http1-new". */
  readonly by: Readonly<Record<string, Count>>;
  readonly failures: readonly Failure[];
  /** Upper bounds in ms, a fifth too high at most; undefined without answers. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  /** Why the counts are less than what was; empty where they are all. */
  readonly unknown: readonly string[];
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, each) => all + each, 0);

const isLive = (log: ClientLog, now: number): boolean => !log.ended && log.last > now - silentMs;

/** The answers of `share` of all are within this many ms. */
function percentile(latencies: ReadonlyMap<number, number>, share: number): number | undefined {
  const wanted = sum(latencies.values()) * share;
  let seen = 0;
  for (const [bound, count] of [...latencies].toSorted(([a], [b]) => a - b)) {
    seen += count;
    if (seen >= wanted) return bound;
  }
  return undefined;
}

/** Why this client's counts since `from` are not to be believed. */
function doubts(log: ClientLog, from: number, to: number): readonly string[] {
  const { name, start, summaries, failures, malformed, ended, last } = log;
  if (start === undefined) return [...malformed, `${name} said nothing yet`];
  const counted = sum(summaries.flatMap(({ counts }) => Object.values(counts).map(({ failed }) => failed)));
  const final = summaries.at(-1)?.at ?? 0;
  const said = failures.filter(({ at }) => at <= final).length;
  const since = summaries.filter(({ at }) => at > from);
  const sent = sum(since.flatMap(({ counts }) => Object.values(counts).map(({ ok, failed }) => ok + failed)));
  const seconds = (Math.max(final, from) - Math.max(start.at, from)) / 1000;
  const wanted = Math.round(start.kinds.length * start.rate * seconds);
  return [
    ...malformed,
    ...(!ended && last <= to - silentMs
      ? [`${name} was silent from ${new Date(last).toISOString()}, and did not end`]
      : []),
    ...(said === counted ? [] : [`${name} counts ${counted} failures and told of ${said}`]),
    ...(seconds > 3 && sent < wanted * leastShare ? [`${name} sent ${sent} requests where ${wanted} were due`] : []),
  ];
}

/**
 * What was seen from `from` on, by files that were read at `to`. Requests are counted by the second in which they
 * ended; a client that was gone before `from` is left out.
 */
export function trafficOf(logs: readonly ClientLog[], from: number, to: number): Traffic {
  const concerned = logs.filter(({ last, ended }) => last > (ended ? from : from - silentMs));
  const by = new Map<string, { ok: number; failed: number }>();
  const countOf = (client: string, kind: string) => {
    const key = `${client} ${kind}`;
    const count = by.get(key) ?? { ok: 0, failed: 0 };
    by.set(key, count);
    return count;
  };
  const latencies = new Map<number, number>();
  for (const { client, summaries } of concerned)
    for (const { counts } of summaries.filter(({ at }) => at > from))
      for (const [kind, { ok, latency }] of Object.entries(counts)) {
        countOf(client, kind).ok += ok;
        for (const [bound, count] of Object.entries(latency))
          latencies.set(Number(bound), (latencies.get(Number(bound)) ?? 0) + count);
      }
  const failures = concerned
    .flatMap((log) => log.failures.filter(({ at }) => at > from))
    .toSorted((a, b) => a.at - b.at);
  for (const { client, kind } of failures) countOf(client, kind).failed++;
  return {
    seconds: (to - from) / 1000,
    requests: sum([...by.values()].map(({ ok, failed }) => ok + failed)),
    failed: failures.length,
    by: Object.fromEntries([...by].toSorted(([a], [b]) => a.localeCompare(b))),
    failures,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    unknown: [
      ...(concerned.length === 0 ? ["no client was there"] : []),
      ...concerned.flatMap((log) => doubts(log, from, to)),
    ],
  };
}

/** Whether every request that was begun by `to` has ended, as far as clients that go on say it. */
export const isSettled = (logs: readonly ClientLog[], to: number, now: number): boolean =>
  logs.filter((log) => isLive(log, now)).every(({ summaries }) => summaries.some(({ at, waits }) => at - waits > to));

/** How many clients of each name there should be. */
export type Expected = Readonly<Record<string, number>>;

/**
 * Why the stream is not warm at `now`; undefined where it is: every expected client goes on, and had answers and no
 * failure of each of its kinds in the last `seconds`.
 */
export function whyCold(
  logs: readonly ClientLog[],
  expected: Expected,
  seconds: number,
  now: number,
): string | undefined {
  const from = now - seconds * 1000;
  const live = logs.filter((log) => isLive(log, now));
  for (const [client, count] of Object.entries(expected)) {
    const own = live.filter((log) => log.client === client);
    if (own.length < count) return `${own.length} of ${count} clients of ${client} go on`;
    for (const { name, start, summaries, failures } of own) {
      if (start === undefined || start.at > from) return `${name} began less than ${seconds} s ago`;
      const failure = failures.findLast(({ at }) => at > from);
      if (failure !== undefined) return `${name} failed: ${failure.kind} ${failure.status} ${failure.error}`;
      const late = summaries.filter(({ at }) => at > from);
      const mute = start.kinds.find((kind) => !late.some(({ counts }) => (counts[kind]?.ok ?? 0) > 0));
      if (mute !== undefined) return `${name} had no answer of ${mute}`;
    }
  }
  return undefined;
}
