/** Waits until something is judged done or failed, by judging it again after every read. */

import type { Clock } from "../../cluster/clock.ts";
import { durationText } from "../../mesh/text/duration.ts";
import type { Verdict } from "../../upgrade/proof/verdict.ts";
import type { Source } from "./poller.ts";

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Called whenever the reason to wait changes, with words for a person. */
  readonly onChange?: (reason: string) => void;
}

/**
 * Judges at once and after every news of the sources, until the verdict is `done` or `failed`. When the time is over it
 * judges once more: `waiting` becomes `failed`, `unknown` stays unknown, each with the last reason to wait. `judge` may
 * give undefined while nothing was read yet. Rejects with the signal's reason when it aborts, and with what `judge`
 * throws.
 */
export function waitFor(
  judge: () => Verdict | undefined,
  sources: readonly Source[],
  options: WaitOptions,
): Promise<Verdict> {
  const { timeoutMs, signal, clock, onChange } = options;
  return new Promise((resolve, reject) => {
    const ends: (() => void)[] = [];
    let over = false;
    let told: string | undefined;
    const finish = (settle: () => void): void => {
      over = true;
      for (const end of ends) end();
      settle();
    };
    const look = (): Verdict => {
      const verdict = judge() ?? { kind: "waiting", reason: "not read yet" };
      if ("reason" in verdict && verdict.reason !== told) {
        told = verdict.reason;
        onChange?.(verdict.reason);
      }
      return verdict;
    };
    const guarded = (step: () => void) => (): void => {
      if (over) return;
      try {
        step();
      } catch (error) {
        finish(() => reject(error));
      }
    };
    const news = guarded(() => {
      const verdict = look();
      if (verdict.kind === "done" || verdict.kind === "failed") finish(() => resolve(verdict));
    });
    const deadline = guarded(() => {
      const verdict = timedOut(look(), timeoutMs);
      finish(() => resolve(verdict));
    });
    const stop = guarded(() => finish(() => reject(signal.reason)));

    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    ends.push(() => signal.removeEventListener("abort", stop));
    ends.push(clock.after(timeoutMs, deadline));
    ends.push(...sources.map((source) => source.listen(news)));
    news();
  });
}

function timedOut(verdict: Verdict, timeoutMs: number): Verdict {
  switch (verdict.kind) {
    case "done":
    case "failed":
      return verdict;
    case "waiting":
      return { kind: "failed", reason: `timed out after ${durationText(timeoutMs)}: ${verdict.reason}` };
    case "unknown":
      return { kind: "unknown", reason: `timed out after ${durationText(timeoutMs)}: ${verdict.reason}` };
  }
}
