/**
 * Text from the cluster, a file or a plugin, made fit for a terminal and a log line: control characters, bidirectional and zero-width
 * marks and lone surrogates are shown as `\x1b`, `\u202e`, so that the evidence stays and nothing acts. One line, at most `limit` characters.
 */
export function printable(text: string, limit = 600): string {
  const line = text
    .toWellFormed()
    .replace(/\s*[\r\n]+\s*/g, " ")
    .replace(hostile, spelled)
    .trim();
  return line.length <= limit ? line : `${line.slice(0, limit).toWellFormed()}…`;
}

// C0, DEL, C1, soft hyphen, Arabic letter mark, zero width and direction marks, line separators, invisible operators, BOM, tags.
const hostile =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffd]|[\u{e0000}-\u{e007f}]/gu;

function spelled(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
}
