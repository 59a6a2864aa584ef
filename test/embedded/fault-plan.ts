/**
 * A script of what goes wrong in a run: at which instant, what, and for how long. What can go wrong with requests is in
 * faults.ts, with pods and istiods in outages.ts, and what others do meanwhile in interference.ts.
 */
import type { Asked, Interception } from "./api/request.ts";
import { isOurs } from "./faults.ts";
import type { EmbeddedMesh } from "./mesh.ts";
import type { KubeJson } from "./object.ts";

type Match = (asked: Asked) => boolean;

/**
 * The instant of a request of ours (the `nth` that matches, from 0), of a line of progress, or of the script's own
 * beginning; or `later` (ms).
 */
export type When = (
  | {
      readonly request: Match;
      readonly nth?: number;
      /** Not as it comes in, but when it is done and not yet answered. */
      readonly done?: true;
    }
  | { readonly line: RegExp }
  | { readonly start: true }
) & { readonly later?: number };

/** Where something happens. */
export interface Stage {
  readonly mesh: EmbeddedMesh;
  readonly namespace: string;
  /** Says that it is none of our doing: that this pod goes down, that the labels of this Namespace change. */
  readonly blame: (object: KubeJson) => void;
}

/** Begins something; what it gives back ends it, as far as it can be ended. */
export type Act = (stage: Stage) => Promise<undefined | (() => Promise<unknown>)>;

/** `meets`: requests of ours that match (all, unless `of` is given) meet this. `times`: that many of them. */
export type What =
  | { readonly act: Act }
  | { readonly meets: Interception; readonly of?: Match; readonly times?: number };

export interface Planned {
  readonly when: When;
  readonly what: What;
  /** Milliseconds; until the script is ended unless given. */
  readonly lasts?: number;
}

export type FaultPlan = readonly Planned[];

export interface Script {
  /** Sees the plugin's progress. */
  readonly onStderr: (text: string) => void;
  /** How much of the plan has begun. */
  begun(): number;
  /** Ends whatever still lasts, the latest first. Rejects for an act that failed. */
  end(): Promise<void>;
}

/** Carries the plan out; its instants count from now. */
export function carryOut(stage: Stage, plan: FaultPlan): Script {
  const { mesh } = stage;
  const waiting = new Set(plan);
  const left = new Map(plan.map((entry) => [entry, "request" in entry.when ? (entry.when.nth ?? 0) : 0]));
  const answers = new Set<(asked: Asked) => Interception | undefined>();
  const acts: (() => Promise<unknown>)[] = [];
  const cancels: (() => void)[] = [];
  let begun = 0;

  const play = (act: Act): (() => Promise<unknown>) => {
    const playing = act(stage);
    let ending: Promise<unknown> | undefined;
    const ended = (): Promise<unknown> => {
      ending ??= playing.then((end) => end?.());
      return ending;
    };
    playing.catch(() => {});
    acts.push(ended);
    return ended;
  };
  const answer = ({
    meets,
    of = () => true,
    times = Number.POSITIVE_INFINITY,
  }: Exclude<What, { act: Act }>): (() => Promise<unknown>) => {
    let more = times;
    const each = (asked: Asked): Interception | undefined => (of(asked) && more-- > 0 ? meets : undefined);
    answers.add(each);
    return async () => answers.delete(each);
  };
  const begin = ({ what, lasts }: Planned): void => {
    begun++;
    const end = "act" in what ? play(what.act) : answer(what);
    // What fails is told when the script is ended.
    if (lasts !== undefined) cancels.push(mesh.clock.after(lasts, () => void end().catch(() => {})));
  };
  const due = (entry: Planned): void => {
    waiting.delete(entry);
    const { later } = entry.when;
    if (later === undefined) begin(entry);
    else cancels.push(mesh.clock.after(later, () => begin(entry)));
  };
  const seeRequest = (asked: Asked, done: boolean): void => {
    for (const entry of waiting) {
      const { when } = entry;
      if (!("request" in when) || (when.done ?? false) !== done || !when.request(asked)) continue;
      const more = left.get(entry) ?? 0;
      left.set(entry, more - 1);
      if (more === 0) due(entry);
    }
  };

  for (const entry of plan) if ("start" in entry.when) due(entry);
  cancels.push(
    mesh.onRequest((asked) => {
      if (!isOurs(asked)) return undefined;
      const before = acts.length;
      seeRequest(asked, false);
      for (const each of answers) {
        const meets = each(asked);
        if (meets) return meets;
      }
      // What begins now has done what takes no time before the request is answered.
      return acts.length > before ? { delay: 1 } : undefined;
    }),
    mesh.onAnswer((answered) => void (isOurs(answered) && seeRequest(answered, true))),
  );
  let seen = "";
  return {
    begun: () => begun,
    onStderr: (text) => {
      seen += text;
      for (const entry of waiting) if ("line" in entry.when && entry.when.line.test(seen)) due(entry);
    },
    end: async () => {
      for (const cancel of cancels) cancel();
      for (const ended of acts.toReversed()) await ended();
    },
  };
}
