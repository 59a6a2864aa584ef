/** Runs the credential plugin (`exec`) of a kubeconfig user. */
import { spawn } from "node:child_process";
import { ClusterError } from "../cluster-error.ts";
import { printable } from "../printable.ts";
import type { ChosenCluster } from "./choose-cluster.ts";
import { type Credential, type Credentials, type ExecContext, fetchedCredentials } from "./credential.ts";
import type { ExecEntry } from "./kubeconfig.ts";

const versions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
const modes = ["Never", "IfAvailable", "Always"];
const outputLimit = 1024 * 1024;

export interface ExecPluginContext extends ExecContext {
  /** Milliseconds until a plugin is killed: without and with a person at the terminal. */
  readonly limits?: { readonly alone: number; readonly withPerson: number };
}

/**
 * Credentials from a credential plugin
 * (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins;
 * client-go/plugin/pkg/client/auth/exec/exec.go). It runs once for all who wait, again shortly before expiry and after
 * a 401. Its standard input is the terminal or nothing, never a pipe it could wait on. What it writes is never shown,
 * except to a person at the terminal.
 */
export function execCredentials(exec: ExecEntry, target: ChosenCluster, around: ExecPluginContext): Credentials {
  const { command } = exec;
  const user = printable(target.identity.user ?? "");
  const bad = (message: string): ClusterError =>
    new ClusterError(`the exec plugin of user "${user}" ${message}`, {
      reason: "config",
      hint: "Fix the user's `exec` in the kubeconfig.",
    });
  if (!command) throw bad("has no command");
  if (!exec.apiVersion || !versions.includes(exec.apiVersion))
    throw bad(`has the apiVersion "${printable(exec.apiVersion ?? "")}", not one of ${versions.join(", ")}`);
  if (!exec.interactiveMode || !modes.includes(exec.interactiveMode))
    throw bad(`has the interactiveMode "${printable(exec.interactiveMode ?? "")}", not one of ${modes.join(", ")}`);
  return fetchedCredentials(async () => {
    const interactive = exec.interactiveMode !== "Never" && process.stdin.isTTY === true;
    if (exec.interactiveMode === "Always" && !interactive)
      throw bad("wants a terminal to ask questions on, and there is none");
    const info = {
      kind: "ExecCredential",
      apiVersion: exec.apiVersion,
      spec: { ...(exec.provideClusterInfo && { cluster: clusterInfo(target) }), interactive },
    };
    const env = { ...around.env, ...Object.fromEntries(exec.env), KUBERNETES_EXEC_INFO: `${JSON.stringify(info)}\n` };
    const answer = await runPlugin(
      command,
      exec,
      env,
      interactive,
      around.limits ?? { alone: 60_000, withPerson: 300_000 },
    );
    return readAnswer(answer, exec.apiVersion, printable(command));
  });
}

function clusterInfo({ server, tls, proxyUrl, execConfig, compression }: ChosenCluster): object {
  return {
    server: server.href.replace(/\/$/, ""),
    ...(tls.serverName && { "tls-server-name": tls.serverName }),
    ...(tls.insecure && { "insecure-skip-tls-verify": true }),
    ...(tls.ca && { "certificate-authority-data": Buffer.from(tls.ca).toString("base64") }),
    ...(proxyUrl && { "proxy-url": proxyUrl }),
    ...(!compression && { "disable-compression": true }),
    config: execConfig ?? null,
  };
}

function runPlugin(
  command: string,
  exec: ExecEntry,
  env: NodeJS.ProcessEnv,
  interactive: boolean,
  limits: { alone: number; withPerson: number },
): Promise<string> {
  const shown = printable(command);
  const seen = process.stderr.isTTY === true;
  return new Promise((resolve, reject) => {
    const fail = (message: string, hint: string): void => reject(new ClusterError(message, { reason: "config", hint }));
    const child = spawn(command, exec.args, {
      env,
      shell: false,
      windowsHide: true,
      stdio: [interactive ? "inherit" : "ignore", "pipe", seen ? "inherit" : "ignore"],
    });
    const stop = (message: string): void => {
      child.kill("SIGKILL");
      child.stdout?.destroy();
      fail(message, "Run any kubectl command to see what the plugin says; perhaps it waits for a login.");
    };
    const limit = interactive ? limits.withPerson : limits.alone;
    const timer = setTimeout(() => stop(`the exec plugin ${shown} did not answer within ${limit / 1000} s`), limit);
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout?.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > outputLimit) stop(`the exec plugin ${shown} wrote more than 1 MiB`);
      else chunks.push(chunk);
    });
    child.on("error", (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (cause.code === "ENOENT")
        fail(
          `the exec plugin ${shown} is not installed`,
          printable(exec.installHint ?? "Install it, or put it on the PATH."),
        );
      else fail(`cannot run the exec plugin ${shown} (${cause.code})`, "Check that the file may be executed.");
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(Buffer.concat(chunks).toString());
      else
        fail(
          `the exec plugin ${shown} ended with ${signal ?? `exit code ${code}`}`,
          "Run `kubectl auth whoami` to see what the plugin says; perhaps you must log in again.",
        );
    });
  });
}

function readAnswer(
  answer: string,
  apiVersion: string | undefined,
  command: string,
): Credential & { readonly expires?: number | undefined } {
  const bad = (message: string): ClusterError =>
    new ClusterError(`the exec plugin ${command} ${message}`, {
      reason: "config",
      hint: "Its output must be an ExecCredential with a status.",
    });
  let parsed: ExecCredential;
  try {
    parsed = JSON.parse(answer);
  } catch {
    // The parser's message quotes the input, which may hold a token.
    throw bad("did not answer with JSON");
  }
  if (parsed?.kind !== "ExecCredential") throw bad("did not answer with an ExecCredential");
  if (parsed.apiVersion !== apiVersion)
    throw bad(`is configured for ${apiVersion} and answered in ${printable(String(parsed.apiVersion), 80)}`);
  const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = parsed.status ?? {};
  if (
    ![token, cert, key, expirationTimestamp].every(
      (value) => value === undefined || value === null || typeof value === "string",
    )
  )
    throw bad("answered with a status of the wrong shape");
  if (!token && !cert && !key) throw bad("answered with neither a token nor a certificate");
  if (!cert !== !key) throw bad("answered with a certificate or a key, not both");
  const expires = expirationTimestamp ? Date.parse(expirationTimestamp) : undefined;
  if (Number.isNaN(expires)) throw bad("answered with an expirationTimestamp that is no time");
  return {
    authorization: token ? `Bearer ${token}` : undefined,
    certificate: cert && key ? { cert, key } : undefined,
    expires,
  };
}

/** https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
interface ExecCredential {
  readonly kind?: unknown;
  readonly apiVersion?: unknown;
  readonly status?: {
    readonly token?: string;
    readonly clientCertificateData?: string;
    readonly clientKeyData?: string;
    readonly expirationTimestamp?: string;
  };
}
