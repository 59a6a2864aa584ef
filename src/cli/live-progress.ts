/**
 * Progress as listr2's tree, redrawn on stderr. Tasks come up while the tree stands, so they are added to running lists
 * and driven from outside (`state$`, `title$`) instead of by functions of theirs; listr2 draws. Signals stay ours
 * (run.ts).
 */

import { cleanseAnsi, color, Listr, ListrLogger, ListrTaskState, ProcessOutput, parseTimer } from "listr2";
import type { Progress, ProgressTask } from "../execute/progress.ts";
import { safe } from "../mesh/safe.ts";
import type { Io } from "./io.ts";

type Node = Listr["tasks"][number];
type List = Pick<Listr, "add" | "tasks">;

/**
 * Puts what others write to stderr while the tree stands into it, as a line of its own; listr2 would hold it back to
 * the end.
 */
class TellingOutput extends ProcessOutput {
  readonly #tell: (text: string) => void;
  constructor(tell: (text: string) => void) {
    super(process.stderr, process.stderr, { leaveEmptyLine: false });
    this.#tell = tell;
  }
  override hijack(): void {
    super.hijack();
    process.stderr.write = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
      const text = cleanseAnsi(String(chunk)).trimEnd();
      if (text === "") return this.stream.stderr.write(chunk); // log-update hides the cursor
      this.#tell(text);
      for (const called of rest) if (typeof called === "function") called();
      return true;
    };
  }
}

export const liveProgress = (io: Io): Progress => {
  // Both ends are stderr: stdout is for the result alone.
  const output = new TellingOutput((text) => {
    begin(root, text).state$ = ListrTaskState.SKIPPED;
  });
  const dim = (text: string): string => (io.terminal.color ? color.dim(text) : text);
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const root = new Listr([{ task: () => ended }], {
    renderer: "default",
    rendererOptions: {
      logger: new ListrLogger({ useIcons: true, processOutput: output, toStderr: [] }),
      collapseSubtasks: false,
      collapseSkips: false,
    },
    concurrent: true,
    exitOnError: false,
    registerSignalListeners: false,
  });
  const drawing = root.run();
  // A second signal ends the process in the middle of a drawing: the terminal gets its cursor back.
  const restore = (): void => output.release();
  process.once("exit", restore);

  const running = new Set<() => void>();
  const clock = setInterval(() => running.forEach((draw) => void draw()), 1000).unref();
  const sections: Node[] = [];

  const begin = (into: List, title: string): Node => {
    into.add({ title, task: () => undefined });
    const node = into.tasks.at(-1);
    if (node === undefined) throw new Error("listr2 did not add the task");
    void node.check(undefined); // shows it
    node.state$ = ListrTaskState.STARTED;
    return node;
  };

  const taskIn = (list: List, title: string): ProgressTask => {
    const node = begin(list, safe(title));
    const began = io.now().getTime();
    let text = "";
    const draw = (): void => {
      const elapsed = io.now().getTime() - began;
      node.title$ = `${safe(title)}${text === "" ? "" : `: ${safe(text)}`}${elapsed < 1000 ? "" : ` ${dim(parseTimer(elapsed))}`}`;
    };
    running.add(draw);
    const finish = (state: ListrTaskState, last: string): void => {
      if (!running.delete(draw)) return;
      text = last;
      draw();
      node.state$ = state;
    };
    return {
      update: (next) => {
        if (!running.has(draw) || next === text) return;
        text = next;
        draw();
      },
      done: (last = "") => finish(ListrTaskState.COMPLETED, last),
      fail: (last) => finish(ListrTaskState.FAILED, last),
      skip: (last) => finish(ListrTaskState.SKIPPED, last),
    };
  };

  return {
    section: (title) => {
      const node = begin(root, safe(title));
      sections.push(node);
      const under = new Listr([], { concurrent: true }, node);
      node.subtasks = under.tasks;
      return { task: (_id, taskTitle) => taskIn(under, taskTitle) };
    },
    task: (_id, title) => taskIn(root, title),
    close: async () => {
      clearInterval(clock);
      for (const node of sections) node.state$ = ListrTaskState.COMPLETED;
      end();
      await drawing;
      process.off("exit", restore);
    },
  };
};
