/** What istioctl prints, read back: the other opinion that `mesh-revisions` is held against. */

/** A proxy in sync as `istioctl proxy-status` lists it: `POD.NAMESPACE` and the istiod pod that holds it. */
export interface ListedProxy {
  readonly proxy: string;
  readonly istiod: string;
}

/**
 * The table of `istioctl proxy-status`, of any release. istioctl's own connections, which it lists from 1.22 on, are no
 * proxies.
 */
export function readProxyStatus(text: string): readonly ListedProxy[] {
  const [head = "", ...lines] = text.split("\n").filter((line) => line.trim() !== "");
  const from = head.indexOf("ISTIOD");
  if (!head.startsWith("NAME") || from < 0) return [];
  return lines
    .filter((line) => !/\b65536\.65536\.65536\b/.test(line))
    .map((line) => ({ proxy: line.split(/\s+/, 1)[0] ?? "", istiod: line.slice(from).split(/\s+/, 1)[0] ?? "" }));
}

/**
 * The table of `istioctl tag list`: tag and revision; revisions without a tag, which newer releases list too, are left
 * out.
 */
export function readTags(text: string): readonly { readonly tag: string; readonly revision: string }[] {
  const [head = "", ...lines] = text.split("\n").filter((line) => line.trim() !== "");
  const at = head.indexOf("REVISION");
  if (!head.startsWith("TAG") || at < 0) return [];
  const word = (line: string, from: number): string => line.slice(from).split(/\s+/, 1)[0] ?? "";
  return lines
    .map((line) => ({ tag: word(line, 0), revision: word(line, at) }))
    .filter(({ tag }) => tag !== "" && tag !== "<no");
}
