/** All kubeconfig files as one, merged as client-go does (client-go/tools/clientcmd/loader.go). */
export interface Kubeconfig {
  /** The files asked for, whether they exist or not. */
  readonly files: readonly string[];
  readonly currentContext: string | undefined;
  readonly contexts: ReadonlyMap<string, ContextEntry>;
  readonly clusters: ReadonlyMap<string, ClusterEntry>;
  readonly users: ReadonlyMap<string, UserEntry>;
}

export interface ContextEntry {
  readonly cluster: string | undefined;
  readonly user: string | undefined;
  readonly namespace: string | undefined;
}

/** File names are absolute; `…Data` is PEM text. */
export interface ClusterEntry {
  readonly server: string | undefined;
  readonly tlsServerName: string | undefined;
  readonly insecure: boolean;
  readonly caFile: string | undefined;
  readonly caData: string | undefined;
  readonly proxyUrl: string | undefined;
  readonly disableCompression: boolean;
  /** What an exec plugin is given as `spec.cluster.config`. */
  readonly execConfig: unknown;
}

export interface UserEntry {
  readonly certificateFile: string | undefined;
  readonly certificateData: string | undefined;
  readonly keyFile: string | undefined;
  readonly keyData: string | undefined;
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly as: string | undefined;
  readonly asUid: string | undefined;
  readonly asGroups: readonly string[];
  readonly asExtra: ReadonlyMap<string, readonly string[]>;
  readonly exec: ExecEntry | undefined;
  readonly authProvider: { readonly name: string; readonly config: ReadonlyMap<string, string> } | undefined;
}

export interface ExecEntry {
  readonly apiVersion: string | undefined;
  readonly command: string | undefined;
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly installHint: string | undefined;
  readonly provideClusterInfo: boolean;
  readonly interactiveMode: string | undefined;
}

/** A cluster without settings. */
export const noCluster: ClusterEntry = {
  server: undefined,
  tlsServerName: undefined,
  insecure: false,
  caFile: undefined,
  caData: undefined,
  proxyUrl: undefined,
  disableCompression: false,
  execConfig: undefined,
};

/** A user without credentials. */
export const nobody: UserEntry = {
  certificateFile: undefined,
  certificateData: undefined,
  keyFile: undefined,
  keyData: undefined,
  token: undefined,
  tokenFile: undefined,
  username: undefined,
  password: undefined,
  as: undefined,
  asUid: undefined,
  asGroups: [],
  asExtra: new Map(),
  exec: undefined,
  authProvider: undefined,
};
