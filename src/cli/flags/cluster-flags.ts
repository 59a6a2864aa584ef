/** The flags by which kubectl finds its cluster and its user (`kubectl options`), as one group. */
import type { ClusterFlags } from "../../cluster/auth/connection-flags.ts";
import type { Args, Flags } from "../plugin.ts";
import { durationOf, wordsOf } from "./flag-values.ts";

const group = "Cluster flags:";
const text = <const D extends string>(describe: D) => ({ group, type: "string", describe }) as const;

/** kubectl's own text, once it is known to be a length of time. */
const checkedDuration = (text: string): string => {
  durationOf(text);
  return text;
};

export const clusterFlags = {
  kubeconfig: { ...text("path of the kubeconfig, before $KUBECONFIG and ~/.kube/config"), completes: "file" },
  context: { ...text("context of the kubeconfig"), completes: "context" },
  cluster: { ...text("cluster of the kubeconfig"), completes: "cluster" },
  user: { ...text("user of the kubeconfig"), completes: "user" },
  server: { ...text("address of the API server"), alias: "s" },
  token: text("bearer token"),
  as: text("user to act as"),
  asGroup: {
    group,
    type: "string",
    array: true,
    default: [],
    coerce: wordsOf,
    describe: "group to act as, may be given many times",
  },
  asUid: text("UID to act as"),
  certificateAuthority: { ...text("CA certificate file of the API server"), completes: "file" },
  clientCertificate: { ...text("client certificate file"), completes: "file" },
  clientKey: { ...text("client key file"), completes: "file" },
  insecureSkipTlsVerify: { group, type: "boolean", describe: "do not check the API server's certificate" },
  tlsServerName: text("name that the API server's certificate must have"),
  requestTimeout: {
    ...text("how long a single request may take, such as 30s or 2m; 0 is no limit"),
    coerce: checkedDuration,
  },
} as const satisfies Flags;

/** Just the cluster flags of a plugin's arguments, for `connect`. Flags that were not given are left out. */
export const clusterFlagsOf = (args: Args<typeof clusterFlags>): ClusterFlags =>
  Object.fromEntries(
    Object.keys(clusterFlags)
      .map((key) => [key, args[key as keyof typeof clusterFlags]])
      .filter(([, value]) => value !== undefined),
  );
