/**
 * Progress as lines with the time, for logs and CI: `2026-11-23T05:36:51Z production/Deployment/web: 2 of 3 updated`.
 */
import type { Progress, ProgressTask } from "../execute/progress.ts";
import type { Io } from "./io.ts";

/** At most one line a second for a task; its last word is never held back. */
const rate = 1000;

export const plainProgress = (io: Pick<Io, "err" | "now">): Progress => {
  const line = (text: string): void =>
    io.err(
      `${io
        .now()
        .toISOString()
        .replace(/\.\d+Z$/, "Z")} ${text}`,
    );
  const held = new Set<() => void>();

  const task = (id: string): ProgressTask => {
    let told = "";
    let toldAt = Number.NEGATIVE_INFINITY;
    let waiting: NodeJS.Timeout | undefined;
    let next = "";
    let open = true;
    const tell = (text: string): void => {
      clearTimeout(waiting);
      waiting = undefined;
      held.delete(flush);
      if (text === told) return;
      told = text;
      toldAt = io.now().getTime();
      line(`${id}: ${text}`);
    };
    const flush = (): void => tell(next);
    const end = (text: string): void => {
      if (!open) return;
      open = false;
      tell(text);
    };
    return {
      update: (text) => {
        if (!open) return;
        const due = toldAt + rate - io.now().getTime();
        if (due <= 0 || text === told) return tell(text);
        next = text;
        held.add(flush);
        waiting ??= setTimeout(flush, due).unref();
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
