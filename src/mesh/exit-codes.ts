/** The exit codes of every plugin, and what each means: for the results, and for `--help`. */

export const exit = {
  done: 0,
  couldNot: 1,
  wrongUsage: 2,
  refused: 3,
  notDone: 4,
  cannotTell: 5,
  /** 128 and the number of the signal, as shells count. */
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof exit)[keyof typeof exit];

const interrupted = "interrupted (SIGHUP, SIGINT, SIGTERM) after the step at hand";

/** In the words of `--help`. */
export const exitMeanings: Readonly<Record<keyof typeof exit, string>> = {
  done: "done, or nothing to do",
  couldNot: "could not: cluster unreachable, API error; nothing was changed",
  wrongUsage: "wrong usage",
  refused: "refused: a check found a blocker, or the thing asked for does not exist; nothing was changed",
  notDone: "not done after a change: the message has the command to go on and the command to go back",
  cannotTell: "cannot tell: evidence is missing; nothing was changed",
  hungUp: interrupted,
  interrupted,
  terminated: interrupted,
};
