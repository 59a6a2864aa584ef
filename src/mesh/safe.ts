/**
 * Text from a cluster, made safe to print: whatever a terminal would act on is shown as its JSON escape (`\u001b`), so
 * that the evidence stays. Wider than kubectl's fix for CVE-2021-25743 (ESC and CR only, k8s.io/cli-runtime
 * pkg/printers/terminal.go): also the C1 controls (U+009B is CSI), marks that turn the reading order, invisible and
 * unpaired characters.
 */

const acting =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\ud800-\udfff]/gu;
const actingButLines = new RegExp(acting.source.replace("\\u0000-\\u001f", "\\u0000-\\u0008\\u000b-\\u001f"), "gu");

const shown = (text: string): string => {
  let escaped = "";
  for (let i = 0; i < text.length; i++) escaped += `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return escaped;
};

/**
 * One line of text, for a cell or inside a sentence: line ends and tabs are escaped too. Cut at `max` characters, with
 * an ellipsis.
 */
export const safe = (text: string, max = Number.POSITIVE_INFINITY): string => {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  return cut.replace(acting, shown);
};

/** Text of many lines: line ends and tabs stay. A JSON text remains the same JSON value. */
export const safeLines = (text: string): string => text.replace(actingButLines, shown);
