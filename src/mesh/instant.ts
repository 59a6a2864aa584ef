/**
 * Points in time in the cluster's form: RFC 3339; from the API server in whole seconds with `Z`, from istiod with
 * fractions and any offset (Go's `time.Time`). The only file of the pure layers that parses dates.
 */

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Milliseconds since 1970; `undefined` for a text that is not an RFC 3339 timestamp. */
export function instantOf(text: string | undefined): number | undefined {
  if (text === undefined || !rfc3339.test(text)) return undefined;
  const millis = Date.parse(text);
  return Number.isNaN(millis) ? undefined : millis;
}

/** Whether both times are known and `a` is earlier than `b`. */
export function isBefore(a: string | undefined, b: string | undefined): boolean {
  const [left, right] = [instantOf(a), instantOf(b)];
  return left !== undefined && right !== undefined && left < right;
}
