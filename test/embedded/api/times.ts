/** Times in the API's two forms, as Go reads and writes them (k8s.io/apimachinery pkg/apis/meta/v1/{time,micro_time}.go). */

/** `time`: in whole seconds · `micro`: MicroTime, always with six digits after the point. */
export type TimeForm = "time" | "micro";

const layouts: Readonly<Record<TimeForm, string>> = {
  time: "2006-01-02T15:04:05Z07:00",
  micro: "2006-01-02T15:04:05.000000Z07:00",
};

const common: readonly (readonly [part: string, read: RegExp])[] = [
  ...[["2006", /^\d{4}/] as const, ["-", /^-/] as const, ["01", /^\d\d/] as const, ["-", /^-/] as const],
  ...[["02", /^\d\d/] as const, ["T", /^T/] as const, ["15", /^\d\d/] as const, [":", /^:/] as const],
  ...[["04", /^\d\d/] as const, [":", /^:/] as const, ["05", /^\d\d/] as const],
];
const parts = {
  time: [...common, ["", /^([.,]\d+)?/] as const, ["Z07:00", /^(Z|[+-]\d\d:\d\d)/] as const],
  micro: [...common, [".000000", /^[.,]\d{6}/] as const, ["Z07:00", /^(Z|[+-]\d\d:\d\d)/] as const],
};

/** The time in UTC in its form; or what Go's `time.Parse` says of a text that is none. */
export function goTime(form: TimeForm, text: string): { readonly text: string } | { readonly error: string } {
  const failed = (why: string) => ({ error: `parsing time ${JSON.stringify(text)}${why}` });
  let rest = text;
  for (const [part, read] of parts[form]) {
    const [found] = read.exec(rest) ?? [];
    if (found === undefined)
      return failed(
        ` as ${JSON.stringify(layouts[form])}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(part)}`,
      );
    rest = rest.slice(found.length);
  }
  if (rest !== "") return failed(`: extra text: ${JSON.stringify(rest)}`);
  const [, date = "", fraction = "", zone = ""] = /^(.{19})(?:[.,](\d+))?(Z|.{6})$/.exec(text) ?? [];
  const at = Date.parse(`${date}${zone}`);
  const isReal = new Date(Date.parse(`${date}Z`) || 0).toISOString().startsWith(date);
  if (Number.isNaN(at) || !isReal) return failed(": day out of range");
  const seconds = new Date(at).toISOString().slice(0, 19);
  return { text: form === "micro" ? `${seconds}.${fraction}Z` : `${seconds}Z` };
}
