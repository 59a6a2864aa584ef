/** The colours of the word with which a line says how serious it is: `error:`, `blocker:`, `warning:`. */
import { styleText } from "node:util";

const styles = {
  error: ["bold", "red"],
  blocker: ["bold", "red"],
  warning: ["bold", "yellow"],
  unknown: ["bold", "magenta"],
  note: ["dim"],
} as const;

const severity = new RegExp(`^(${Object.keys(styles).join("|")}):`, "gm");

/** The text with these words coloured where they begin a line. Nothing else changes, so no column gets wider. */
export const colorSeverity = (text: string): string =>
  text.replace(severity, (word, name: keyof typeof styles) => styleText(styles[name], word, { validateStream: false }));
