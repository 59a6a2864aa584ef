/**
 * Points in time as the cluster writes them: RFC 3339, whole seconds and `Z` from the API server, fractions and any
 * offset from istiod (Go's `time.Time`). The only place of the pure layers that knows a calendar.
 */

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/**
 * Milliseconds since 1970, or `undefined` for a text that is no RFC 3339 timestamp: an unknown time is neither early
 * nor late.
 */
export function instantOf(text: string | undefined): number | undefined {
  if (text === undefined || !rfc3339.test(text)) return undefined;
  const millis = Date.parse(text);
  return Number.isNaN(millis) ? undefined : millis;
}

/** Whether both are known and `a` is earlier than `b`. */
export function isBefore(a: string | undefined, b: string | undefined): boolean {
  const [left, right] = [instantOf(a), instantOf(b)];
  return left !== undefined && right !== undefined && left < right;
}
