/** The three signals by which a person or a system asks a program to stop. */
import { exit } from "../mesh/exit-codes.ts";

export interface Interruption {
  readonly name: "SIGHUP" | "SIGINT" | "SIGTERM";
  readonly code: typeof exit.hungUp | typeof exit.interrupted | typeof exit.terminated;
}

export const interruptions: readonly Interruption[] = [
  { name: "SIGHUP", code: exit.hungUp },
  { name: "SIGINT", code: exit.interrupted },
  { name: "SIGTERM", code: exit.terminated },
];

/** Calls `stop` at each. */
export const onInterruption = (stop: (interruption: Interruption) => void): void => {
  for (const interruption of interruptions) process.on(interruption.name, () => stop(interruption));
};

/** The interruption that aborted a signal; undefined while it is not aborted. */
export const interruptionOf = (signal: AbortSignal): Interruption | undefined =>
  interruptions.find((known) => known === signal.reason);
