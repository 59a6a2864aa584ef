/** The kinds of values that flags take: from text to value, or a `UsageError`. */
import { instantOf } from "../../mesh/instant.ts";
import { parseDuration } from "../../mesh/text/duration.ts";
import { UsageError } from "../exit-errors.ts";

/**
 * A namespace, a revision, a tag, a context's namespace:
 * https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
 */
const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Takes one name of `what` (`a namespace`, `a revision or tag`). */
export const nameOf =
  (what: string) =>
  (text: string): string => {
    if (label.test(text)) return text;
    const near = text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "");
    throw new UsageError(
      `${JSON.stringify(text)} is not the name of ${what}: small letters, digits and "-", at most 63, with a letter or digit at both ends`,
      label.test(near) ? `did you mean ${JSON.stringify(near)}?` : undefined,
    );
  };

/** Takes many names, also with commas between; each once, in the order given. */
export const namesOf =
  (what: string) =>
  (texts: readonly string[]): readonly string[] =>
    unique(texts.flatMap((text) => text.split(",")).map((text) => nameOf(what)(text.trim())));

/**
 * Takes what names workloads in `--leave` and `--allow-downtime`: `[NAMESPACE/]KIND/NAME`, `*` for any part, or `*`
 * alone.
 */
export const objectsOf = (texts: readonly string[]): readonly string[] =>
  unique(
    texts
      .flatMap((text) => text.split(","))
      .map((text) => {
        if (text === "*" || /^([^/\s]+\/)?[^/\s]+\/[^/\s]+$/.test(text)) return text;
        throw new UsageError(
          `${JSON.stringify(text)} does not name an object`,
          "write [NAMESPACE/]KIND/NAME, for example production/Deployment/web",
        );
      }),
  );

/** Takes kinds of objects, `KIND` or `KIND.GROUP`, also with commas between; each once. */
export const kindsOf = (texts: readonly string[]): readonly string[] =>
  unique(
    texts
      .flatMap((text) => text.split(","))
      .map((text) => {
        if (/^[A-Za-z][A-Za-z0-9]*(\.[a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$/.test(text)) return text;
        throw new UsageError(
          `${JSON.stringify(text)} is not a kind of objects`,
          "write KIND or KIND.GROUP, for example Workflow.argoproj.io",
        );
      }),
  );

/** Takes words, also with commas between; each once. */
export const wordsOf = (texts: readonly string[]): readonly string[] =>
  unique(texts.flatMap((text) => text.split(",")).filter((text) => text !== ""));

/** Takes a length of time (`parseDuration`) and gives milliseconds. */
export const durationOf = (text: string): number => {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new UsageError(`${JSON.stringify(text)} is not a length of time`, "write for example 90s, 10m or 1h30m");
};

/** Takes a moment: an RFC 3339 time, as it is, or a length of time before now, in milliseconds. */
export const momentOf = (text: string): string | number => {
  if (instantOf(text) !== undefined) return text;
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new UsageError(
    `${JSON.stringify(text)} is neither a time nor a length of time`,
    "write for example 2026-03-01T22:00:00Z, or 2h for two hours ago",
  );
};

/** Takes one word of letters, digits and `-`, such as an id. */
export const wordOf =
  (what: string) =>
  (text: string): string => {
    if (/^[A-Za-z0-9-]{1,63}$/.test(text)) return text;
    throw new UsageError(`${JSON.stringify(text)} is not ${what}`, "kubectl mesh-rollback --list shows them");
  };

/** Takes a whole number from `min` to `max`. */
export const countOf =
  (min: number, max: number) =>
  (text: string): number => {
    if (/^\d+$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
    throw new UsageError(`${JSON.stringify(text)} is not a whole number from ${min} to ${max}`);
  };

const unique = <T>(values: readonly T[]): readonly T[] => [...new Set(values)];
