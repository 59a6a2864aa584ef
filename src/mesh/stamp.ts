const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(\.\d+)?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * The instant of an RFC 3339 stamp in milliseconds since 1970, fractions kept, so that stamps of whole seconds (Kubernetes) and of
 * nanoseconds with an offset (Go's `time.Time`, as in istiod's answers) can be compared. Throws on text that is no stamp.
 * Its own arithmetic because pure code reads no clock and so uses no `Date`. https://www.rfc-editor.org/rfc/rfc3339#section-5.6
 */
export const instantOf = (stamp: string): number => {
  const match = rfc3339.exec(stamp);
  if (!match) throw new Error(`${JSON.stringify(stamp)} is not an RFC 3339 time`);
  const part = (index: number): number => Number(match[index] ?? 0);
  const offset = (match[8] === "-" ? -1 : 1) * (part(9) * 60 + part(10));
  const minutes = (daysSince1970(part(1), part(2), part(3)) * 24 + part(4)) * 60 + part(5) - offset;
  return (minutes * 60 + part(6)) * 1000 + part(7) * 1000;
};

/** Days of the proleptic Gregorian calendar; years begin in March, so that the leap day comes last. */
const daysSince1970 = (year: number, month: number, day: number): number => {
  const y = month > 2 ? year : year - 1;
  const monthFromMarch = (month + 9) % 12;
  const dayOfYear = Math.floor((153 * monthFromMarch + 2) / 5) + day - 1;
  return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719468;
};
