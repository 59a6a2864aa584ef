/** Lengths of time, as kubectl's flags take them and as its columns show them. */

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

/**
 * `45s`, `9m30s`, `3h5m`, `12d`: an age as kubectl shows it, which is HumanDuration of
 * k8s.io/apimachinery/pkg/util/duration. A time that lies ahead is `0s`, because clocks differ.
 */
export const ageText = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / units.s));
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  const years = Math.floor(days / 365);
  const both = (large: string, rest: number, unit: string): string => (rest === 0 ? large : `${large}${rest}${unit}`);
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return both(`${minutes}m`, seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return both(`${hours}h`, minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  if (hours < 192) return both(`${days}d`, hours % 24, "h");
  if (days < 730) return `${days}d`;
  return years < 8 ? both(`${years}y`, days % 365, "d") : `${years}y`;
};
