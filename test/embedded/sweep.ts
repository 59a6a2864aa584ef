/** What the sweeps share: a seeded sample of a grid, and how a case is told. */

/** The whole grid (npm run test:sweep), or a sample of it, of so many where that is said. */
export const isAll = process.env.SWEEP === "all";
const size = process.env.SWEEP_SIZE;
/** Whether it takes so long that one wants to see it go on. */
export const isLong = isAll || size !== undefined;
export const seed = Number(process.env.SWEEP_SEED ?? 20261123);
/** Only cases whose name matches: to look at one again. */
const only = new RegExp(process.env.SWEEP_ONLY ?? "");

/**
 * Those to try: all, or so many of them, the same for the same seed. Where `kindOf` is given, each kind of case in turn
 * has its share: all kinds are there where the sample is no smaller than their number.
 */
export function chosen<Case extends { readonly name: string }>(
  grid: readonly Case[],
  sampleSize: number,
  kindOf: (one: Case) => string = () => "",
): readonly Case[] {
  if (process.env.SWEEP_ONLY) return grid.filter(({ name }) => only.test(name));
  if (isAll) return grid;
  const next = random(seed);
  const kinds = [...Map.groupBy(grid, kindOf).values()];
  return Array.from({ length: Math.min(Number(size ?? sampleSize), grid.length) }, (_, turn) => {
    const left = kinds.filter((cases) => cases.length > 0);
    const from = kinds[turn % kinds.length]?.length ? kinds[turn % kinds.length] : left[turn % left.length];
    return from?.splice(Math.floor(next() * from.length), 1) ?? [];
  }).flat();
}

/**
 * The pairs to try: all, or one of each row, whose columns follow each other from one that the seed gives: so every row
 * is there, and every column where there are no fewer rows.
 */
export function pairs<Row, Column>(
  rows: readonly Row[],
  columns: readonly Column[],
): readonly (readonly [Row, Column])[] {
  const from = Math.floor(random(seed)() * columns.length);
  return rows.flatMap((row, index) =>
    columns
      .filter((_, column) => isAll || column === (from + index) % columns.length)
      .map((column) => [row, column] as const),
  );
}

/** A small generator with a seed (mulberry32), so that a sample can be had again. */
export function random(state: number): () => number {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How often each word was said. */
export function tally(words: readonly string[]): string {
  const counts = Map.groupBy(words, (word) => word);
  return [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([word, each]) => `${word} ${each.length}`)
    .join(", ");
}
