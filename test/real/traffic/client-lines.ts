/** The lines that a client of the stream writes (test/real/go/traffic/stream.go), read again. */

/** One client's file: its name and all that is in it so far. */
export interface ClientFile {
  readonly name: string;
  readonly text: string;
}

/** What one kind of client did since its last summary. */
export interface KindCounts {
  readonly ok: number;
  readonly failed: number;
  /** Answers by the upper bound of their bucket in milliseconds. */
  readonly latency: Readonly<Record<string, number>>;
}

/** A request that failed. */
export interface Failure {
  /** When it had failed, in ms since the epoch. */
  readonly at: number;
  /** Which clients these are, as the stream named them: "shop". */
  readonly client: string;
  readonly pod: string;
  /** "http1-new", "http1-kept", "http2-kept" or "grpc-kept". */
  readonly kind: string;
  /** The status that came: an HTTP status or gRPC's name of it; empty where none came. */
  readonly status: string;
  readonly error: string;
  readonly ms: number;
}

interface Summary {
  readonly at: number;
  readonly counts: Readonly<Record<string, KindCounts>>;
  /** How long the oldest request under way had waited, in ms. */
  readonly waits: number;
}

/** What one client said so far. */
export interface ClientLog {
  readonly name: string;
  /** As the stream named it; empty where it said nothing yet. */
  readonly client: string;
  /** When it began, in ms since the epoch, with what; undefined where it said nothing yet. */
  readonly start?: { readonly at: number; readonly kinds: readonly string[]; readonly rate: number };
  readonly summaries: readonly Summary[];
  readonly failures: readonly Failure[];
  /** When it last said something. */
  readonly last: number;
  /** It ended as it should: all that was under way had ended. */
  readonly ended: boolean;
  /** What of the file cannot be read. */
  readonly malformed: readonly string[];
}

/** Reads a file. A last line without its end is being written at this moment, and is left out. */
export function readClient({ name, text }: ClientFile): ClientLog {
  const lines = text.split("\n").slice(0, -1);
  const malformed: string[] = [];
  const said = lines.flatMap((line, index) => {
    try {
      const { time, ...rest } = JSON.parse(line);
      const at = Date.parse(time);
      if (!Number.isFinite(at)) throw new Error("no time");
      return [{ at, ...rest }];
    } catch {
      malformed.push(`line ${index + 1} of ${name} cannot be read`);
      return [];
    }
  });
  const start = said.find((each) => each.start !== undefined);
  return {
    name,
    client: said[0]?.client ?? "",
    ...(start !== undefined && { start: { at: start.at, ...start.start } }),
    summaries: said.filter(({ counts }) => counts !== undefined),
    failures: said.flatMap(({ at, client, pod, failure }) =>
      failure === undefined ? [] : [{ at, client, pod, ...failure }],
    ),
    last: said.at(-1)?.at ?? 0,
    ended: said.at(-1)?.end === true,
    malformed,
  };
}
