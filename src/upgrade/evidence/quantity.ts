/** Kubernetes quantities as numbers. */
const factors: ReadonlyMap<string, number> = new Map([
  ["n", 1e-6],
  ["u", 1e-3],
  ["m", 1],
  ["", 1e3],
  ["k", 1e6],
  ["M", 1e9],
  ["G", 1e12],
  ["T", 1e15],
  ["P", 1e18],
  ["E", 1e21],
  ["Ki", 1e3 * 2 ** 10],
  ["Mi", 1e3 * 2 ** 20],
  ["Gi", 1e3 * 2 ** 30],
  ["Ti", 1e3 * 2 ** 40],
  ["Pi", 1e3 * 2 ** 50],
  ["Ei", 1e3 * 2 ** 60],
]);

/**
 * A Kubernetes quantity (`250m`, `1.5Gi`, `1e3`) in thousandths of its unit, rounded up; whole numbers, so that sums
 * are exact. `undefined` for a text that is not a quantity.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export const thousandths = (quantity: string): number | undefined => {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([a-zA-Z]{0,2})$/.exec(quantity);
  const factor = factors.get(match?.[2] ?? "?");
  return match === null || factor === undefined
    ? undefined
    : Math.ceil(Number((Number(match[1]) * factor).toPrecision(15)));
};
