/**
 * The options of a write: those of a deletion are in its body where it has one, and then none in the query counts;
 * those of all others are in the query.
 */
import type { Json } from "../object.ts";
import type { DeleteOptions } from "./deletion.ts";
import { invalid, unsupportedValue } from "./status.ts";

interface Written {
  readonly method: string;
  readonly url: URL;
  readonly body: Json;
}

const kinds = new Map([
  ["POST", "CreateOptions"],
  ["PUT", "UpdateOptions"],
  ["PATCH", "PatchOptions"],
  ["DELETE", "DeleteOptions"],
]);
const policies = ["Foreground", "Background", "Orphan"];

const isOfBody = ({ method, body }: Written): boolean => method === "DELETE" && body !== undefined;
const dryRunOf = (written: Written): readonly string[] =>
  isOfBody(written) ? (written.body?.dryRun ?? []) : written.url.searchParams.getAll("dryRun");
const propagationOf = (written: Written): string | null | undefined =>
  isOfBody(written) ? written.body?.propagationPolicy : written.url.searchParams.get("propagationPolicy");

export const isDryRun = (written: Written): boolean => dryRunOf(written).length > 0;

/** Throws `Refusal` (422) for values that are none. */
export function assertOptions(written: Written): void {
  const of = { group: "meta.k8s.io", kind: kinds.get(written.method) ?? "" };
  const dryRun = dryRunOf(written);
  if (dryRun.some((each) => each !== "All")) throw invalid(of, "", [unsupportedValue("dryRun", dryRun, ["All"])]);
  const policy = propagationOf(written);
  if (written.method === "DELETE" && policy && !policies.includes(policy))
    throw invalid(of, "", [unsupportedValue("propagationPolicy", policy, [...policies, "nil"])]);
}

export function deleteOptionsOf(written: Written): DeleteOptions {
  const { body, url } = written;
  const grace = isOfBody(written)
    ? body?.gracePeriodSeconds
    : (url.searchParams.get("gracePeriodSeconds") ?? undefined);
  return {
    uid: body?.preconditions?.uid,
    resourceVersion: body?.preconditions?.resourceVersion,
    propagation: (propagationOf(written) ?? undefined) as DeleteOptions["propagation"],
    graceSeconds: grace === undefined ? undefined : Number(grace),
  };
}
