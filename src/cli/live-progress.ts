/**
 * Progress as listr2's tree, redrawn on stderr. Tasks come up while the tree stands, so they are added to running lists and driven from
 * outside (`state$`, `title$`) instead of by functions of theirs; listr2 draws. Signals stay ours (run.ts).
 */
import { color, DefaultRenderer, Listr, ListrLogger, ListrTaskState, ProcessOutput, parseTimer } from "listr2";
import { safe } from "../views/safe.ts";
import type { Io } from "./io.ts";
import type { Progress, ProgressTask } from "./progress.ts";

type List = Listr<unknown, typeof DefaultRenderer>;
type Node = List["tasks"][number];

export const liveProgress = (io: Io): Progress => {
  // Both ends are stderr: stdout is for the result alone.
  const output = new ProcessOutput(process.stderr, process.stderr, { leaveEmptyLine: false });
  const dim = (text: string): string => (io.terminal.color ? color.dim(text) : text);
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const root: List = new Listr([{ task: () => ended }], {
    renderer: DefaultRenderer,
    rendererOptions: { logger: new ListrLogger({ useIcons: true, processOutput: output, toStderr: [] }), collapseSubtasks: false, collapseSkips: false },
    concurrent: true,
    registerSignalListeners: false,
  });
  const drawing = root.run();
  // The process may be ended in the middle of a drawing, by a second signal: what was held back is shown then, and the cursor.
  const restore = (): void => output.release();
  process.once("exit", restore);

  const running = new Set<() => void>();
  const clock = setInterval(() => running.forEach((draw) => void draw()), 1000).unref();
  const sections: Node[] = [];
  let list = root;

  const begin = (into: List, title: string): Node => {
    into.add({ title, task: () => undefined });
    const node = into.tasks.at(-1);
    if (node === undefined) throw new Error("listr2 did not add the task");
    node.enabled = true;
    node.state$ = ListrTaskState.STARTED;
    return node;
  };

  const task = (_id: string, title: string): ProgressTask => {
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
      list = new Listr([], { concurrent: true }, node) as List;
      node.subtasks = list.tasks;
    },
    task,
    close: async () => {
      clearInterval(clock);
      for (const node of sections) node.state$ = node.subtasks?.some((one) => one.hasFailed()) ? ListrTaskState.FAILED : ListrTaskState.COMPLETED;
      end();
      await drawing;
      process.off("exit", restore);
    },
  };
};
