/** What a plugin is: a record. `plugins/<name>.ts` holds one each; `run.ts` runs it. */

/** The exit codes of every plugin. */
export const exit = {
  done: 0,
  could_not: 1,
  wrong_usage: 2,
  refused: 3,
  not_done: 4,
  cannot_tell: 5,
} as const;
