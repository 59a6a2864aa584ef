/** Credentials of a legacy `auth-provider`, by the library that knows them. */
import type { RequestOptions } from "node:https";
import { ClusterError } from "../cluster-error.ts";
import { printable } from "../printable.ts";
import type { ChosenCluster } from "./choose-cluster.ts";
import { type Credentials, fetchedCredentials } from "./credential.ts";
import type { UserEntry } from "./kubeconfig.ts";

/**
 * Credentials of a legacy `auth-provider` (oidc, gcp, azure). client-node knows these flows, so it is loaded here, and
 * only here: it costs a tenth of a second at start.
 */
export function providerCredentials(
  provider: NonNullable<UserEntry["authProvider"]>,
  target: ChosenCluster,
): Credentials {
  const config = Object.fromEntries(provider.config);
  return fetchedCredentials(async () => {
    const { KubeConfig } = await import("@kubernetes/client-node");
    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromClusterAndUser(
      { name: "cluster", server: target.server.href, skipTLSVerify: target.tls.insecure },
      { name: "user", authProvider: { name: provider.name, config } },
    );
    const options: RequestOptions = { headers: {} };
    try {
      await kubeconfig.applyToHTTPSOptions(options);
    } catch {
      // The cause may quote tokens.
      throw refused(provider.name, "could not renew its token");
    }
    const authorization = (options.headers as Record<string, string>).Authorization;
    if (!authorization) throw refused(provider.name, "has no token that is still good");
    // The providers look at the expiry themselves, so ask again now and then.
    return { authorization, expires: Date.now() + 60_000 };
  });
}

function refused(name: string, what: string): ClusterError {
  return new ClusterError(`the auth-provider "${printable(name)}" of the kubeconfig ${what}`, {
    reason: "unauthorized",
    hint: "Log in again, or move to an exec plugin: kubectl itself has dropped most auth-providers.",
  });
}
