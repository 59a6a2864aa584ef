/** Chooses the cluster and the user, by flags, kubeconfig or the pod that the program runs in. */
import { readFileSync } from "node:fs";
import { parseDuration } from "../../mesh/text/duration.ts";
import type { Identity } from "../cluster.ts";
import { ClusterError } from "../cluster-error.ts";
import { printable } from "../printable.ts";
import type { ClusterFlags } from "./connection-flags.ts";
import { inCluster } from "./in-cluster.ts";
import { type ClusterEntry, type Kubeconfig, nobody, noCluster, type UserEntry } from "./kubeconfig.ts";
import { loadKubeconfig } from "./kubeconfig-files.ts";

/** The chosen cluster and user, complete: the kubeconfig is not needed after this. */
export interface ChosenCluster {
  readonly identity: Identity;
  readonly server: URL;
  readonly tls: ServerTrust;
  /** The file that the CA was read from, for messages. */
  readonly caFile: string | undefined;
  readonly proxyUrl: string | undefined;
  readonly compression: boolean;
  readonly user: UserEntry;
  readonly execConfig: unknown;
  /** Milliseconds that a single request may take; `undefined`: no limit. */
  readonly requestTimeout: number | undefined;
}

export interface ServerTrust {
  /** PEM. Absent: the system's. */
  readonly ca: string | undefined;
  readonly insecure: boolean;
  /** The name in the certificate of the server, where it is not the host's. */
  readonly serverName: string | undefined;
}

/**
 * Chooses context, cluster and user by client-go's rules (tools/clientcmd/client_config.go, validation.go): flags
 * override, a context that does not exist is an error, no configuration at all means in-cluster. Throws `ClusterError`
 * (config) that names what is missing.
 */
export function chooseCluster(flags: ClusterFlags, env: NodeJS.ProcessEnv): ChosenCluster {
  const kubeconfig = loadKubeconfig(flags.kubeconfig, env);
  const context = flags.context || kubeconfig.currentContext;
  const entry = context === undefined ? undefined : kubeconfig.contexts.get(context);
  if (context !== undefined && entry === undefined) throw missing("context", context, kubeconfig);
  const clusterName = flags.cluster || entry?.cluster;
  const userName = flags.user || entry?.user;
  const cluster = clusterName === undefined ? undefined : kubeconfig.clusters.get(clusterName);
  const user = userName === undefined ? undefined : kubeconfig.users.get(userName);
  if (clusterName !== undefined && cluster === undefined && (flags.cluster || !flags.server))
    throw missing("cluster", clusterName, kubeconfig);
  if (userName !== undefined && user === undefined) throw missing("user", userName, kubeconfig);

  const inside = cluster === undefined && user === undefined && entry === undefined ? inCluster(env) : undefined;
  const whole = withClusterFlags(cluster ?? inside?.cluster ?? noCluster, flags);
  if (whole.server === undefined) {
    const files = kubeconfig.files.map((file) => printable(file)).join(", ");
    throw new ClusterError(
      clusterName === undefined ? "no cluster is configured" : `cluster "${printable(clusterName)}" has no server`,
      {
        reason: "config",
        hint: `Looked at ${files}. Name a kubeconfig with --kubeconfig or a context with --context.`,
      },
    );
  }
  const who = withUserFlags(user ?? inside?.user ?? nobody, flags);
  const server = readServer(whole, who);
  return {
    identity: {
      context,
      server: server.href.replace(/\/$/, ""),
      user: userName,
      namespace: entry?.namespace ?? inside?.namespace ?? "default",
    },
    server,
    tls: readTrust(whole, clusterName),
    caFile: whole.caFile,
    proxyUrl: whole.proxyUrl,
    compression: !whole.disableCompression,
    // client-go sends no credentials to a server without TLS.
    user:
      server.protocol === "https:"
        ? checkUser(who, userName)
        : { ...nobody, as: who.as, asUid: who.asUid, asGroups: who.asGroups, asExtra: who.asExtra },
    execConfig: whole.execConfig,
    requestTimeout: timeoutOf(flags.requestTimeout),
  };
}

function withClusterFlags(cluster: ClusterEntry, flags: ClusterFlags): ClusterEntry {
  const trust = flags.insecureSkipTlsVerify || flags.certificateAuthority;
  return {
    ...cluster,
    server: flags.server || cluster.server,
    // The kubeconfig's name belongs to the kubeconfig's server.
    tlsServerName: flags.tlsServerName || (flags.server ? undefined : cluster.tlsServerName),
    ...(trust && {
      insecure: flags.insecureSkipTlsVerify ?? false,
      caFile: flags.certificateAuthority || undefined,
      caData: undefined,
    }),
  };
}

function withUserFlags(user: UserEntry, flags: ClusterFlags): UserEntry {
  return {
    ...user,
    // A tokenFile still wins over --token, as it does in kubectl: both must act as the same user.
    token: flags.token || user.token,
    ...(flags.clientCertificate && { certificateFile: flags.clientCertificate, certificateData: undefined }),
    ...(flags.clientKey && { keyFile: flags.clientKey, keyData: undefined }),
    as: flags.as || user.as,
    asUid: flags.asUid || user.asUid,
    asGroups: flags.asGroup?.length ? flags.asGroup : user.asGroups,
  };
}

function readServer(cluster: ClusterEntry, user: UserEntry): URL {
  const given = cluster.server ?? "";
  const tls = cluster.caFile || cluster.caData || cluster.insecure || user.certificateFile || user.certificateData;
  const server = URL.parse(/^https?:\/\//i.test(given) ? given : `${tls ? "https" : "http"}://${given}`);
  if (server === null || given.includes("://") !== /^https?:\/\//i.test(given))
    throw new ClusterError(`"${printable(given)}" is not the address of an API server`, {
      reason: "config",
      hint: "It looks like https://host:port.",
    });
  if (server.username || server.password)
    throw new ClusterError("the API server's address holds a password", {
      reason: "config",
      hint: "Put credentials under the kubeconfig's user.",
    });
  if (server.protocol === "http:" && !isLoopback(server.hostname)) {
    throw new ClusterError(`refusing to speak to ${server.host} without TLS`, {
      reason: "config",
      hint: "Use an https:// server. Plain http is for this machine only, e.g. `kubectl proxy`.",
    });
  }
  server.search = "";
  server.hash = "";
  if (!server.pathname.endsWith("/")) server.pathname += "/";
  return server;
}

/** A host of this machine, by name or address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function readTrust(cluster: ClusterEntry, name = ""): ServerTrust {
  const bad = (message: string): ClusterError =>
    new ClusterError(`cluster "${printable(name)}" ${message}`, {
      reason: "config",
      hint: "Fix it with `kubectl config set-cluster`.",
    });
  if (cluster.caFile && cluster.caData) throw bad("has both certificate-authority and certificate-authority-data");
  if (cluster.insecure && (cluster.caFile || cluster.caData))
    throw bad("has both a certificate authority and insecure-skip-tls-verify");
  return {
    ca: cluster.caData ?? (cluster.caFile && readPem(cluster.caFile, "certificate authority")),
    insecure: cluster.insecure,
    serverName: cluster.tlsServerName,
  };
}

function checkUser(user: UserEntry, name = ""): UserEntry {
  const bad = (message: string): ClusterError =>
    new ClusterError(`user "${printable(name)}" ${message}`, {
      reason: "config",
      hint: "Fix it with `kubectl config set-credentials`.",
    });
  if (user.certificateFile && user.certificateData)
    throw bad("has both client-certificate and client-certificate-data");
  if (user.keyFile && user.keyData) throw bad("has both client-key and client-key-data");
  if ((user.certificateFile || user.certificateData) && !(user.keyFile || user.keyData))
    throw bad("has a client certificate without its key");
  if (user.password && !user.username) throw bad("has a password without a username");
  if (user.token && (user.username || user.password)) throw bad("has both a token and a password");
  if (user.exec && user.authProvider) throw bad("has both an exec plugin and an auth-provider");
  if ((user.asUid || user.asGroups.length > 0 || user.asExtra.size > 0) && !user.as)
    throw new ClusterError("--as-uid and --as-group need --as", { reason: "config" });
  return user;
}

/** A PEM file of the kubeconfig. Throws `ClusterError` (config) naming the file. */
export function readPem(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new ClusterError(`cannot read the ${what} ${printable(file)} (${(cause as NodeJS.ErrnoException).code})`, {
      reason: "config",
    });
  }
}

function timeoutOf(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new ClusterError(`--request-timeout "${printable(text)}" is no duration`, {
      reason: "config",
      hint: "Write it as 30s, 2m or a number of seconds.",
    });
  return ms === 0 ? undefined : ms;
}

function missing(what: "context" | "cluster" | "user", name: string, kubeconfig: Kubeconfig): ClusterError {
  const names = [...kubeconfig[`${what}s`].keys()].map((one) => printable(one, 80));
  return new ClusterError(
    `${what} "${printable(name)}" does not exist in ${kubeconfig.files.map((file) => printable(file)).join(", ")}`,
    {
      reason: "config",
      hint:
        names.length === 0
          ? "The kubeconfig has none."
          : `There are: ${names.slice(0, 20).join(", ")}${names.length > 20 ? ", …" : ""}.`,
    },
  );
}
