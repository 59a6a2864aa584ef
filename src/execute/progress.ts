/** How work reports while it goes on: the port. On a terminal it is a live tree, elsewhere plain lines (src/cli). */

export interface Progress extends ProgressSection {
  /** Begins a group of tasks, such as a namespace. Groups may be under way side by side. */
  section(title: string): ProgressSection;
  /** Ends the report; what still runs stays as it last was. Resolves when the terminal is ours again. */
  close(): Promise<void>;
}

export interface ProgressSection {
  /** Begins a task; `id` names it in plain lines (`production/Deployment/web`), `title` in the tree. */
  task(id: string, title: string): ProgressTask;
}

/** `update` may be called at any rate. After `done`, `fail` or `skip` nothing more is reported about the task. */
export interface ProgressTask {
  update(text: string): void;
  done(text?: string): void;
  fail(text: string): void;
  skip(text: string): void;
}
