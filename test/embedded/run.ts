/**
 * Runs a plugin in this process as `kubectl` would run it in another: its flags, its streams, its exit code, on the
 * mesh's clock.
 */
import { loadPlugins, pluginRecord } from "../../scripts/plugins.ts";
import type { Io, Shell } from "../../src/cli/io.ts";
import { runPlugin } from "../../src/cli/main.ts";
import type { Interruption } from "../../src/cli/signals.ts";
import type { MeshClock } from "./clock.ts";

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Of the mesh's time. */
  readonly ms: number;
}

export interface RunOptions {
  /** Called with each piece of stderr, as it comes. */
  readonly onStderr?: (text: string) => void;
  /** Its reason is the signal that it stands for. */
  readonly signal?: AbortSignal;
  /** Who runs it where: USER@HOST. */
  readonly operator?: string;
}

/** What plugins load when they first need it: in virtual time nobody waits for a disk. */
const loaded = Promise.all([import("ws"), import("listr2"), import("../../src/cli/help.ts"), loadPlugins()]);

// A mesh that is not real is nothing for the istioctl of this machine.
process.env.ISTIOCTL = "";

export const interrupt: Interruption = { name: "SIGINT", code: 130 };

export async function runPluginHere(
  name: string,
  args: readonly string[],
  clock: MeshClock,
  { onStderr, signal, operator = "alice@laptop" }: RunOptions,
): Promise<Result> {
  await loaded;
  const plugin = await pluginRecord(name);
  const started = clock.now();
  let [stdout, stderr] = ["", ""];
  const line = (text: string): string => (text.endsWith("\n") || text === "" ? text : `${text}\n`);
  const say = (text: string): void => {
    stderr += line(text);
    onStderr?.(line(text));
  };
  let halfDone: (() => string) | undefined;
  const io: Io = {
    out: (text) => {
      stdout += line(text);
    },
    err: say,
    warn: (text) => say(`warning: ${text}`),
    trace: () => {},
    now: () => new Date(clock.wall()),
    clock,
    operator,
    terminal: { out: false, err: false, columns: 80, live: false, color: false, colorOut: false },
    signal: signal ?? new AbortController().signal,
    whenStopped: (tell) => {
      halfDone = tell;
    },
  };
  const shell: Shell = {
    io,
    begin: () => {},
    halfDone: () => halfDone,
    hasPrinted: () => stdout !== "",
    end: (code) => Promise.reject(new Error(`ended with ${code}`)),
  };
  const code = await runPlugin(plugin, args, shell);
  return { code, stdout, stderr, ms: clock.now() - started };
}
