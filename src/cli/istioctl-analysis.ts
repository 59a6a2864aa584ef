/** Runs `istioctl analyze` after a removal: a second opinion, where istioctl is installed. */
import { spawn } from "node:child_process";
import { printable } from "../cluster/printable.ts";
import { counted } from "../mesh/phrase.ts";
import { longName } from "./flags/command-line.ts";

/** What istioctl has to be told of the cluster, and where it is found. */
export interface AnalysisRequest {
  readonly istioNamespace: string;
  /**
   * The revision that was removed. istioctl reads webhooks without a label `istio.io/rev` and those with this one: by
   * default it looks at revision `default`, and would miss what is left of another (istio/istio
   * pkg/config/analysis/local/istiod_analyze.go, AddRunningKubeSourceWithRevision).
   */
  readonly revision: string;
  /** The flags of the plugin. istioctl has `--kubeconfig` and `--context` alone. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** `ISTIOCTL` is the program, `istioctl` by default; an empty one means that none is run. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** It is killed after so long (ms). */
  readonly limitMs?: number;
}

/** `skipped`: istioctl is not there, or cannot be pointed at this cluster. */
export interface Analysis {
  readonly state: "good" | "bad" | "unknown" | "skipped";
  /** For a person; safe to print. */
  readonly evidence: string;
}

const outputLimit = 16 * 1024 * 1024;
const defaultLimitMs = 60_000;
/** A webhook that leads nowhere, or injectors that overlap (istio.io/latest/docs/reference/config/analysis/ist0139). */
const invalidWebhook = "IST0139";
/** Flags that istioctl does not have, or not in all releases. */
const unsayable = [
  "cluster",
  "user",
  "server",
  "token",
  "as",
  "asUid",
  "certificateAuthority",
  "tlsServerName",
  "clientCertificate",
  "clientKey",
  "insecureSkipTlsVerify",
] as const;

/** Never throws: what cannot be judged is `unknown`, with the reason. */
export async function analyzeMesh(request: AnalysisRequest): Promise<Analysis> {
  const { flags, env, istioNamespace, revision } = request;
  const program = env.ISTIOCTL ?? "istioctl";
  if (program === "") return { state: "skipped", evidence: "$ISTIOCTL is empty" };
  const given = unsayable.find((key) => flags[key] !== undefined && flags[key] !== false);
  if (given !== undefined || (Array.isArray(flags.asGroup) && flags.asGroup.length > 0))
    return { state: "skipped", evidence: `istioctl has no flag ${longName(given ?? "asGroup")}` };
  const target = (["kubeconfig", "context"] as const).flatMap((key) =>
    typeof flags[key] === "string" ? [longName(key), flags[key]] : [],
  );
  const end = await run(
    program,
    ["analyze", "-A", "-o", "json", "-i", istioNamespace, "--revision", revision, ...target],
    request,
  );
  if ("failure" in end) return { state: end.isAbsent ? "skipped" : "unknown", evidence: end.failure };
  return judged(end.output, end.code);
}

type End =
  | { readonly output: string; readonly code: number | null }
  | { readonly failure: string; readonly isAbsent: boolean };

/** Without a shell and without input; what it writes to stderr is not read. */
const run = (program: string, args: readonly string[], request: AnalysisRequest): Promise<End> =>
  new Promise((resolve) => {
    const { env, signal, limitMs = defaultLimitMs } = request;
    const shown = printable(program, 200);
    const child = spawn(program, args, { env, shell: false, windowsHide: true, stdio: ["ignore", "pipe", "ignore"] });
    const end = (result: End): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", interrupt);
      resolve(result);
    };
    const stop = (failure: string): void => {
      child.kill("SIGKILL");
      child.stdout.destroy();
      end({ failure, isAbsent: false });
    };
    const interrupt = (): void => stop(`${shown} was interrupted`);
    const timer = setTimeout(() => stop(`${shown} did not end within ${limitMs / 1000} s`), limitMs);
    signal.addEventListener("abort", interrupt, { once: true });
    if (signal.aborted) interrupt();
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > outputLimit) stop(`${shown} wrote more than ${outputLimit / 1024 / 1024} MiB`);
      else chunks.push(chunk);
    });
    child.on("error", ({ code }: NodeJS.ErrnoException) => {
      const isAbsent = code === "ENOENT";
      end({ failure: isAbsent ? `${shown} is not on the PATH` : `${shown} cannot be run (${code})`, isAbsent });
    });
    child.on("close", (code) => end({ output: Buffer.concat(chunks).toString("utf8"), code }));
  });

/** It exits with another code than 0 where it has found an error, and prints its list all the same. */
function judged(output: string, code: number | null): Analysis {
  const messages = messagesOf(output);
  if (messages === undefined)
    return { state: "unknown", evidence: `istioctl ended with exit code ${code ?? "none"}, without a list in JSON` };
  const invalid = messages.filter((message) => textOf(message, "code") === invalidWebhook);
  const [first] = invalid;
  if (first === undefined)
    return { state: "good", evidence: `${counted(messages.length, "message")}, none of them ${invalidWebhook}` };
  const more = invalid.length === 1 ? "" : `, and ${invalid.length - 1} more`;
  const what = printable(`${textOf(first, "origin")}: ${textOf(first, "message")}`, 300);
  return { state: "bad", evidence: `${invalidWebhook} ${what}${more}` };
}

const textOf = (message: object, key: string): string => {
  const value: unknown = Object.hasOwn(message, key) ? (message as Record<string, unknown>)[key] : undefined;
  return typeof value === "string" ? value : "";
};

/** Releases without a finding print `null` or an empty list. */
function messagesOf(output: string): readonly object[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    return undefined;
  }
  if (value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const list: readonly unknown[] = value;
  return list.every((each) => typeof each === "object" && each !== null) ? (list as readonly object[]) : undefined;
}
