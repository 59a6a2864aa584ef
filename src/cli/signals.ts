/** The three signals by which a person or a system asks a program to stop. */

export interface Interruption {
  readonly name: "SIGHUP" | "SIGINT" | "SIGTERM";
  /** 128 + the signal's number. */
  readonly code: 129 | 130 | 143;
}

const interruptions: readonly Interruption[] = [
  { name: "SIGHUP", code: 129 },
  { name: "SIGINT", code: 130 },
  { name: "SIGTERM", code: 143 },
];

/** Calls `heard` at each. */
export const listen = (heard: (signal: Interruption) => void): void => {
  for (const interruption of interruptions) process.on(interruption.name, () => heard(interruption));
};

/** The interruption a signal was aborted by; undefined while it was not. */
export const interruptionOf = (signal: AbortSignal): Interruption | undefined =>
  interruptions.find((known) => known === signal.reason);
