import { printable } from "../printable.ts";

/**
 * Passes the texts of `Warning: 299 - "…"` headers (RFC 7234, 5.5; used by the API server for deprecations) to `warn`,
 * each once, fit to print.
 */
export function createWarnings(warn: (message: string) => void): (headers: NodeJS.Dict<string[]>) => void {
  const shown = new Set<string>();
  return (headers) => {
    for (const header of headers.warning ?? []) {
      for (const [, quoted = ""] of header.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) {
        const text = printable(quoted.replace(/\\(.)/g, "$1"));
        if (text === "" || shown.has(text) || shown.size >= 50) continue;
        shown.add(text);
        warn(text);
      }
    }
  };
}
