/** How work is told while it goes on: the port that `src/execute` tells, and the choice of the teller. */
import type { Io } from "./io.ts";

export interface Progress extends ProgressSection {
  /** Begins a group of tasks, such as a namespace. Groups may be under way side by side. */
  section(title: string): ProgressSection;
  /** Ends the telling; what still runs stays as it last was. Resolves when the terminal is ours again. */
  close(): Promise<void>;
}

export interface ProgressSection {
  /** Begins a task; `id` names it in plain lines (`production/Deployment/web`), `title` in the tree. */
  task(id: string, title: string): ProgressTask;
}

/** `update` may be called at any rate. After `done`, `fail` or `skip` nothing more is told of the task. */
export interface ProgressTask {
  update(text: string): void;
  done(text?: string): void;
  fail(text: string): void;
  skip(text: string): void;
}

/** A live tree on a terminal that can be redrawn, plain lines with the time elsewhere. */
export const openProgress = async (io: Io): Promise<Progress> =>
  io.terminal.live ? (await import("./live-progress.ts")).liveProgress(io) : (await import("./plain-progress.ts")).plainProgress(io);
