/**
 * Progress as listr2's tree, redrawn on stderr. listr2 runs only the tasks that a list has when it starts. Ours begin
 * later, so they are added to the running list, and their state and title are set from outside (`state$`, `title$`);
 * listr2 draws them. It gets no signals (io.ts).
 */

import { cleanseAnsi, color, Listr, ListrLogger, ListrTaskState, ProcessOutput, parseTimer } from "listr2";
import type { Progress, ProgressTask } from "../../execute/progress.ts";
import { safe } from "../../mesh/safe.ts";
import type { Io } from "../io.ts";

type Node = Listr["tasks"][number];
type List = Pick<Listr, "add" | "tasks">;

/**
 * Makes a line of the tree of everything that is written to stderr while the tree is drawn; listr2 would print it at the
 * end.
 */
class LineOutput extends ProcessOutput {
  readonly #addLine: (text: string) => void;
  constructor(addLine: (text: string) => void) {
    super(process.stderr, process.stderr, { leaveEmptyLine: false });
    this.#addLine = addLine;
  }
  override hijack(): void {
    super.hijack();
    process.stderr.write = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
      const text = String(chunk).trimEnd();
      if (cleanseAnsi(text).trim() === "") return this.stream.stderr.write(chunk); // only control codes, such as log-update's for the cursor
      this.#addLine(text);
      for (const called of rest) if (typeof called === "function") called();
      return true;
    };
  }
}

export const liveProgress = (io: Io): Progress => {
  // Only stderr: stdout has nothing but the result.
  const output = new LineOutput((text) => {
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
  // A second signal ends the process while the tree is drawn: then too the terminal shows its cursor again.
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
