/** What can become of a watch once it has begun to answer. */
import type { ServerResponse } from "node:http";
import { Refusal, statusOf } from "./status.ts";

/**
 * `half-open`: the connection stays and nothing more comes, no bookmark and no end; `ends at once`, `ends at a change`:
 * cleanly; `breaks at a change`;
 * `expires at a change`, `fails at a change`: with an ERROR, then cleanly; `half a line`: cut in the middle and ended;
 * `a web page`: a line of HTML among the others; `bookmarks alone`: changes are lost; `twice and again`: each comes
 * twice, and then the one before it once more.
 */
export type WatchFault =
  | "half-open"
  | "ends at once"
  | "ends at a change"
  | "breaks at a change"
  | "expires at a change"
  | "fails at a change"
  | "half a line"
  | "a web page"
  | "bookmarks alone"
  | "twice and again";

/** Where the lines of a watch go. */
export interface Sink {
  line(text: string, type: string): void;
  end(): void;
}

export const sinkOf = (response: ServerResponse, fault: WatchFault | undefined): Sink => {
  const plain: Sink = { line: (text) => void response.write(`${text}\n`), end: () => void response.end() };
  return fault ? spoilt[fault](plain, response) : plain;
};

const errorLine = (code: number, reason: string, message: string): string =>
  JSON.stringify({ type: "ERROR", object: statusOf(new Refusal(code, reason, message)) });

/** Does this instead of telling of the first change, and then no more. */
const atChange =
  (act: (plain: Sink, response: ServerResponse, text: string) => void) =>
  (plain: Sink, response: ServerResponse): Sink => {
    let over = false;
    return {
      end: plain.end,
      line: (text, type) => {
        if (over) return;
        if (type === "BOOKMARK") return plain.line(text, type);
        over = true;
        act(plain, response, text);
      },
    };
  };

const endWith = (line: string) =>
  atChange((plain) => {
    plain.line(line, "ERROR");
    plain.end();
  });

const spoilt: Readonly<Record<WatchFault, (plain: Sink, response: ServerResponse) => Sink>> = {
  "half-open": () => ({ line: () => {}, end: () => {} }),
  "ends at once": (plain) => {
    plain.end();
    return { line: () => {}, end: () => {} };
  },
  "ends at a change": atChange((plain) => plain.end()),
  "breaks at a change": atChange((_, response) => void response.destroy()),
  "expires at a change": endWith(errorLine(410, "Expired", "too old resource version: 1 (2)")),
  "fails at a change": endWith(errorLine(500, "InternalError", "etcdserver: no leader")),
  "half a line": atChange((_, response, text) => void response.end(text.slice(0, text.length / 2))),
  "a web page": (plain) => {
    let told = 0;
    return {
      end: plain.end,
      line: (text, type) => {
        if (told++ === 0) plain.line("<html>bad gateway</html>", "");
        plain.line(text, type);
      },
    };
  },
  "bookmarks alone": (plain) => ({
    end: plain.end,
    line: (text, type) => type === "BOOKMARK" && plain.line(text, type),
  }),
  "twice and again": (plain) => {
    let before: string | undefined;
    return {
      end: plain.end,
      line: (text, type) => {
        for (const each of [text, text, ...(before === undefined ? [] : [before])]) plain.line(each, type);
        before = text;
      },
    };
  },
};
