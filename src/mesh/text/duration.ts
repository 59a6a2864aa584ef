/** Lengths of time, as kubectl's flags take them: from text to milliseconds, and back. */

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/**
 * Milliseconds of `90s`, `10m`, `1h30m`, `1.5s` (https://pkg.go.dev/time#ParseDuration) or of a bare number of seconds,
 * as in kubectl's --request-timeout. Undefined for any other text.
 */
export const parseDuration = (text: string): number | undefined => {
  if (/^\d+$/.test(text)) return Number(text) * units.s;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/([\d.]+)(ms|s|m|h)/g)];
  return Math.round(parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0));
};

/** `10m`, `90s`, `0.5s`: whole minutes, else seconds. `parseDuration` reads it. */
export const durationText = (ms: number): string =>
  ms > 0 && ms % units.m === 0 ? `${ms / units.m}m` : `${ms / units.s}s`;
