import { StringDecoder } from "node:string_decoder";

const longest = 16 * 1024 * 1024;

/**
 * The lines of a body as they come, split at `\n` alone (JSON may hold U+2028). A last line that was cut is not given.
 * Throws for a line over 16 MiB.
 */
export async function* readLines(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of body) {
    rest += decoder.write(chunk);
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > longest) throw new Error("a line is too long");
    for (const line of lines) if (line.trim() !== "") yield line;
  }
}
