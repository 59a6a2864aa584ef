/**
 * Text from a cluster, made safe for a terminal: control characters are shown as JSON escapes (`\u001b`), not removed,
 * so that a person sees them. kubectl's fix for CVE-2021-25743 escapes ESC and CR only (k8s.io/cli-runtime
 * pkg/printers/terminal.go); this one also escapes the C1 controls (U+009B is CSI), marks that change the reading
 * direction, invisible characters and unpaired surrogates.
 */

const control =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\ud800-\udfff]/gu;
const controlButLines = new RegExp(control.source.replace("\\u0000-\\u001f", "\\u0000-\\u0008\\u000b-\\u001f"), "gu");

const escapeOf = (text: string): string => {
  let escaped = "";
  for (let i = 0; i < text.length; i++) escaped += `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return escaped;
};

/**
 * One line of text, for a cell or a sentence: line ends and tabs are escaped too. A text longer than `max` characters
 * is cut and ends with an ellipsis.
 */
export const safe = (text: string, max = Number.POSITIVE_INFINITY): string => {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  return cut.replace(control, escapeOf);
};

/** Text of many lines: line ends and tabs are kept. A JSON text keeps its value. */
export const safeLines = (text: string): string => text.replace(controlButLines, escapeOf);
