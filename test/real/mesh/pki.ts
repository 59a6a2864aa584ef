/** Keys and certificates of one mesh, by openssl (which comes with the CA certificates that every download needs). */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { runProgram } from "./process.ts";

export interface Pki {
  readonly folder: string;
  /** PEM of the authority that signs the API server's and the clients' certificates. */
  readonly ca: string;
  /** The administrator's certificate and key, PEM. */
  readonly admin: { readonly certificate: string; readonly key: string };
  /** One token for each part of the machinery, by its user name. */
  readonly tokens: ReadonlyMap<string, string>;
}

/** Users of the machinery. They have every right; the audit log leaves them out. */
export const machinery = [
  "kube-controller-manager",
  "kube-scheduler",
  "kwok",
  "istiod",
  "machine",
  "fleet",
  "node",
] as const;

/**
 * Writes everything below `folder`: ca, apiserver, admin (`.crt`, `.key`), sa (`.key`, `.pub`), tokens.csv. The API
 * server's certificate is for `names` too, as `IP:172.30.0.1`.
 */
export async function createPki(folder: string, names: readonly string[] = []): Promise<Pki> {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = (name: string) => path.join(folder, name);
  const openssl = (...args: string[]) =>
    runProgram("openssl", [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "30",
      ...args,
    ]);
  const signed = (name: string, subject: string, ...extensions: string[]) =>
    openssl(
      ...[
        "-CA",
        file("ca.crt"),
        "-CAkey",
        file("ca.key"),
        "-keyout",
        file(`${name}.key`),
        "-out",
        file(`${name}.crt`),
        "-subj",
        subject,
      ],
      ...["basicConstraints=critical,CA:FALSE", ...extensions].flatMap((extension) => ["-addext", extension]),
    );
  await openssl("-keyout", file("ca.key"), "-out", file("ca.crt"), "-subj", "/CN=kube-ca").catch(
    (error: NodeJS.ErrnoException) => {
      throw error.code === "ENOENT"
        ? new Error("the real mesh's certificates are made with openssl, and there is none on the PATH; install it")
        : error;
    },
  );
  await Promise.all([
    signed(
      "apiserver",
      "/CN=kube-apiserver",
      `subjectAltName=${["IP:127.0.0.1", "IP:10.96.0.1", "DNS:localhost", "DNS:kubernetes.default.svc", ...names].join()}`,
    ),
    signed("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth"),
  ]);
  const account = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  fs.writeFileSync(file("sa.key"), account.privateKey, { mode: 0o600 });
  fs.writeFileSync(file("sa.pub"), account.publicKey);
  const tokens = new Map(machinery.map((user) => [user as string, randomBytes(16).toString("hex")]));
  fs.writeFileSync(
    file("tokens.csv"),
    [...tokens].map(([user, token]) => `${token},${user},${user},"system:masters"\n`).join(""),
    {
      mode: 0o600,
    },
  );
  const read = (name: string) => fs.readFileSync(file(name), "utf8");
  return { folder, ca: read("ca.crt"), admin: { certificate: read("admin.crt"), key: read("admin.key") }, tokens };
}

/** A kubeconfig, as JSON text (which is YAML): of the administrator, or of a part of the machinery. */
export function kubeconfigOf(pki: Pki, server: string, user?: string): string {
  const base64 = (pem: string) => Buffer.from(pem).toString("base64");
  const token = user === undefined ? undefined : pki.tokens.get(user);
  const name = user ?? "admin";
  return JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "real", cluster: { server, "certificate-authority-data": base64(pki.ca) } }],
      users: [
        {
          name,
          user:
            token === undefined
              ? { "client-certificate-data": base64(pki.admin.certificate), "client-key-data": base64(pki.admin.key) }
              : { token },
        },
      ],
      contexts: [{ name: "real", context: { cluster: "real", user: name } }],
      "current-context": "real",
    },
    undefined,
    2,
  );
}
