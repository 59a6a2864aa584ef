/** The cluster of the pod that the program runs in, by its service account. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type ClusterEntry, nobody, noCluster, type UserEntry } from "./kubeconfig.ts";

const folder = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * What a pod knows of its own cluster (client-go/rest/config.go, InClusterConfig); `undefined` outside of one. `mount`
 * is where the token lies.
 */
export function inCluster(
  env: NodeJS.ProcessEnv,
  mount = folder,
): { readonly cluster: ClusterEntry; readonly user: UserEntry; readonly namespace: string } | undefined {
  const host = env.KUBERNETES_SERVICE_HOST;
  const port = env.KUBERNETES_SERVICE_PORT;
  const tokenFile = join(mount, "token");
  if (!host || !port || !isFile(tokenFile)) return undefined;
  const caFile = join(mount, "ca.crt");
  return {
    cluster: {
      ...noCluster,
      server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
      caFile: isFile(caFile) ? caFile : undefined,
    },
    user: { ...nobody, tokenFile },
    namespace: env.POD_NAMESPACE || readNamespace(join(mount, "namespace")) || "default",
  };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function readNamespace(path: string): string {
  return isFile(path) ? readFileSync(path, "utf8").trim() : "";
}
