/** Runs istioctl, where it is installed, and reads the list of messages that it prints. */
import { spawn } from "node:child_process";
import { printable } from "../cluster/printable.ts";
import { longName } from "./flags/command-line.ts";

/** What istioctl has to be told of the cluster, and where it is found. */
export interface IstioctlRequest {
  readonly istioNamespace: string;
  /** The flags of the plugin. istioctl has `--kubeconfig` and `--context` alone. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** `ISTIOCTL` is the program, `istioctl` by default; an empty one means that none is run. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** It is killed after so long (ms). */
  readonly limitMs?: number;
  /** The command prints nothing where it has no message, as `precheck` of 1.20 and later does. */
  readonly silentWhenGood?: boolean;
}

/** `skipped`: istioctl is not there, or cannot be pointed at this cluster · `unknown`: it gave no list. */
export type IstioctlAnswer =
  | { readonly state: "answered"; readonly messages: readonly IstioctlMessage[] }
  | { readonly state: "skipped" | "unknown"; readonly evidence: string };

/** As it prints it; a text that it does not have is empty (pkg/config/analysis/diag/message.go). */
export interface IstioctlMessage {
  /** e.g. `IST0139`. */
  readonly code: string;
  readonly level: string;
  /** e.g. `MutatingWebhookConfiguration istio-sidecar-injector`. */
  readonly origin: string;
  readonly message: string;
}

const outputLimit = 16 * 1024 * 1024;
const defaultLimitMs = 60_000;
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

/**
 * Runs `istioctl WORDS -o json` against the cluster of the flags. Never throws: what cannot be read is `unknown`, with
 * the reason, safe to print.
 */
export async function askIstioctl(words: readonly string[], request: IstioctlRequest): Promise<IstioctlAnswer> {
  const { flags, env, istioNamespace } = request;
  const program = env.ISTIOCTL ?? "istioctl";
  if (program === "") return { state: "skipped", evidence: "$ISTIOCTL is empty" };
  const given = unsayable.find((key) => flags[key] !== undefined && flags[key] !== false);
  if (given !== undefined || (Array.isArray(flags.asGroup) && flags.asGroup.length > 0))
    return { state: "skipped", evidence: `istioctl has no flag ${longName(given ?? "asGroup")}` };
  const target = (["kubeconfig", "context"] as const).flatMap((key) =>
    typeof flags[key] === "string" ? [longName(key), flags[key]] : [],
  );
  const end = await run(program, [...words, "-o", "json", "-i", istioNamespace, ...target], request);
  if ("failure" in end) return { state: end.isAbsent ? "skipped" : "unknown", evidence: end.failure };
  // It exits with another code than 0 where it has found an error, and prints its list all the same.
  const isSilent = request.silentWhenGood === true && end.output === "" && end.code === 0;
  const messages = isSilent ? [] : messagesOf(end.output);
  if (messages !== undefined) return { state: "answered", messages };
  return { state: "unknown", evidence: `istioctl ended with exit code ${end.code ?? "none"}, without a list in JSON` };
}

type End =
  | { readonly output: string; readonly code: number | null }
  | { readonly failure: string; readonly isAbsent: boolean };

/** Without a shell and without input; what it writes to stderr is not read. */
const run = (program: string, args: readonly string[], request: IstioctlRequest): Promise<End> =>
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

const textOf = (message: object, key: string): string => {
  const value: unknown = Object.hasOwn(message, key) ? (message as Record<string, unknown>)[key] : undefined;
  return typeof value === "string" ? value : "";
};

/** Releases without a finding print `null` or an empty list. */
function messagesOf(output: string): readonly IstioctlMessage[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    return undefined;
  }
  if (value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const list: readonly unknown[] = value;
  const objects = list.filter((each) => typeof each === "object" && each !== null);
  if (objects.length < list.length) return undefined;
  return objects.map((each) => ({
    code: textOf(each, "code"),
    level: textOf(each, "level"),
    origin: textOf(each, "origin"),
    message: textOf(each, "message"),
  }));
}
