/**
 * Progress as lines with the time, for logs and CI: `2026-11-23T05:36:51Z production/Deployment/web: 2 of 3 updated`.
 */
import type { Progress, ProgressTask } from "../../execute/progress.ts";
import type { Io } from "../io.ts";

/** Milliseconds between two lines of a task; its last line never waits. */
const interval = 1000;

export const plainProgress = (io: Pick<Io, "err" | "now" | "clock">): Progress => {
  const line = (text: string): void =>
    io.err(
      `${io
        .now()
        .toISOString()
        .replace(/\.\d+Z$/, "Z")} ${text}`,
    );
  const held = new Set<() => void>();

  const task = (id: string): ProgressTask => {
    let reported = "";
    let reportedAt = Number.NEGATIVE_INFINITY;
    let cancel: (() => void) | undefined;
    let next = "";
    let open = true;
    const report = (text: string): void => {
      cancel?.();
      cancel = undefined;
      held.delete(flush);
      if (text === reported) return;
      reported = text;
      reportedAt = io.clock.now();
      line(`${id}: ${text}`);
    };
    const flush = (): void => report(next);
    const end = (text: string): void => {
      if (!open) return;
      open = false;
      report(text);
    };
    return {
      update: (text) => {
        if (!open) return;
        const due = reportedAt + interval - io.clock.now();
        if (due <= 0 || text === reported) return report(text);
        next = text;
        held.add(flush);
        cancel ??= io.clock.after(due, flush);
      },
      done: (text = "done") => end(text),
      fail: (text) => end(`failed: ${text}`),
      skip: (text) => end(`skipped: ${text}`),
    };
  };

  return {
    section: (title) => {
      line(title);
      return { task };
    },
    task,
    close: async () => {
      for (const flush of held) flush();
    },
  };
};
