/** Where the credentials of a user come from: the kubeconfig, a token file, an exec plugin or an auth provider. */
import { readFileSync } from "node:fs";
import { ClusterError } from "../cluster-error.ts";
import { printable } from "../printable.ts";
import { type ChosenCluster, readPem } from "./choose-cluster.ts";
import type { Certificate, Credential, Credentials, ExecContext } from "./credential.ts";

/**
 * The credentials of a user, in client-go's order of precedence: an exec plugin or auth provider is used only where
 * there is nothing else. Throws `ClusterError` (config) for files that cannot be read.
 */
export async function credentialsOf(target: ChosenCluster, around: ExecContext): Promise<Credentials> {
  const { user } = target;
  const cert = user.certificateData ?? (user.certificateFile && readPem(user.certificateFile, "client certificate"));
  const key = user.keyData ?? (user.keyFile && readPem(user.keyFile, "client key"));
  const certificate = cert && key ? { cert, key } : undefined;
  if (user.tokenFile) return tokenFromFile(user.tokenFile, user.token, certificate);
  const authorization = user.token
    ? `Bearer ${user.token}`
    : user.username || user.password
      ? `Basic ${Buffer.from(`${user.username ?? ""}:${user.password ?? ""}`).toString("base64")}`
      : undefined;
  if (authorization || certificate) return fixed({ authorization, certificate });
  if (user.exec) return (await import("./exec-plugin.ts")).execCredentials(user.exec, target, around);
  if (user.authProvider) return (await import("./auth-provider.ts")).providerCredentials(user.authProvider, target);
  return fixed({});
}

function fixed(credential: Credential): Credentials {
  return { current: () => Promise.resolve(credential), renew: () => Promise.resolve(false) };
}

/**
 * The file is read again every minute, as in client-go, because the kubelet replaces it; and after a 401. `otherwise`
 * is the token while the file cannot be read.
 */
function tokenFromFile(file: string, otherwise: string | undefined, certificate: Certificate | undefined): Credentials {
  let credential: Credential | undefined;
  let readAt = 0;
  const read = (): Credential => {
    const token = readToken(file, otherwise);
    const authorization = `Bearer ${token}`;
    if (authorization !== credential?.authorization) credential = { authorization, certificate };
    readAt = performance.now();
    return credential;
  };
  return {
    current: async () => (credential && performance.now() - readAt < 50_000 ? credential : read()),
    renew: async (used) => read() !== used,
  };
}

function readToken(file: string, otherwise: string | undefined): string {
  let token: string;
  try {
    token = readFileSync(file, "utf8").trim();
  } catch (cause) {
    if (otherwise !== undefined) return otherwise;
    throw new ClusterError(`cannot read the token file ${printable(file)} (${(cause as NodeJS.ErrnoException).code})`, {
      reason: "config",
    });
  }
  if (token === "") throw new ClusterError(`the token file ${printable(file)} is empty`, { reason: "config" });
  return token;
}
