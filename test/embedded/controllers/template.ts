/** From a pod template to pods, and the hash by which templates are told apart. */
import { type Json, type KubeJson, ownerReference } from "../object.ts";

/** A pod of the template, controlled by `owner`. */
export function podOf(
  owner: KubeJson,
  template: Json,
  extra: { readonly name?: string; readonly labels?: object; readonly spec?: object } = {},
): Json {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      generateName: `${owner.metadata.name}-`,
      ...(extra.name !== undefined && { name: extra.name }),
      namespace: owner.metadata.namespace,
      labels: { ...labels, ...extra.labels },
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [ownerReference(owner)],
    },
    spec: { ...template.spec, ...extra.spec },
  };
}

/** Eight letters or so that differ where templates differ (FNV-1a, in the alphabet of Kubernetes' safe names). */
export function hashOf(value: Json): string {
  let hash = 0x811c9dc5;
  for (const code of Buffer.from(JSON.stringify(value))) hash = Math.imul(hash ^ code, 0x01000193) >>> 0;
  return [...String(hash)].map((digit) => "bcdfghjklm"[Number(digit)]).join("");
}

/** A number of pods, or a share of `total`. */
export function scaled(value: number | string | undefined, total: number, round: "up" | "down"): number {
  if (typeof value !== "string") return value ?? 0;
  const share = (Number.parseInt(value, 10) * total) / 100;
  return round === "up" ? Math.ceil(share) : Math.floor(share);
}

/** Counts as they are written: most are left out where they are 0 (`omitempty`). */
export const withoutZeros = (counts: Readonly<Record<string, number | undefined>>): Json =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
