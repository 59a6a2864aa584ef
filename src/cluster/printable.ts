/** Foreign text as a part of our own sentences. */
import { safe } from "../mesh/safe.ts";

/**
 * Text from the cluster, a file or a plugin as a part of one of our sentences: on one line, safe to print, at most
 * `limit` characters.
 */
export const printable = (text: string, limit = 600): string => safe(text.replace(/\s*[\r\n]+\s*/g, " ").trim(), limit);
