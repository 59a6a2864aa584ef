/** Certificates as a proxy gets them from an istiod, and what two proxies with them say to each other. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import tls from "node:tls";
import grpc from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import type { Mesh } from "../../kit.ts";
import { runProgram } from "../../mesh/process.ts";
import { istiodPort } from "./case.ts";

/** https://github.com/istio/istio/blob/1.20.0/security/proto/istioca.proto */
const service = fromJSON({
  nested: {
    CertificateRequest: { fields: { csr: { type: "string", id: 1 }, validityDuration: { type: "int64", id: 3 } } },
    CertificateResponse: { fields: { certChain: { rule: "repeated", type: "string", id: 1 } } },
    istio: {
      nested: {
        v1: {
          nested: {
            auth: {
              nested: {
                IstioCertificateService: {
                  methods: {
                    CreateCertificate: {
                      requestType: ".CertificateRequest",
                      responseType: ".CertificateResponse",
                      comment: "",
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
});

export interface Identity {
  readonly key: string;
  /** Its own certificate, and those up to the root. */
  readonly chain: string;
  readonly root: string;
  /** `spiffe://cluster.local/ns/a/sa/default` */
  readonly name: string;
}

/** What istiod of a revision signs for the default service account of a namespace, by the protocol of Istio's agent. */
export async function identityFrom(mesh: Mesh, revision: string, namespace: string): Promise<Identity> {
  const file = path.join(mesh.dir, `identity-${revision}-${namespace}`);
  await runProgram("openssl", [
    ...["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/O=istio"],
    ...["-addext", `subjectAltName=URI:spiffe://any/ns/${namespace}/sa/default`],
    ...["-keyout", `${file}.key`, "-out", `${file}.csr`],
  ]);
  const { status } = await mesh.api.post(`/api/v1/namespaces/${namespace}/serviceaccounts/default/token`, {
    ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" },
    spec: { audiences: ["istio-ca"] },
  });
  const Service = grpc.makeGenericClientConstructor(
    service["istio.v1.auth.IstioCertificateService"] as unknown as grpc.ServiceDefinition,
    "",
  );
  const credentials = grpc.credentials.createSsl(null, null, null, { rejectUnauthorized: false });
  const client = new Service(`127.0.0.1:${await istiodPort(mesh, revision, 15012)}`, credentials, {
    "grpc.ssl_target_name_override": "istiod.istio-system.svc",
  });
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${status.token}`);
  const csr = fs.readFileSync(`${file}.csr`, "utf8");
  const certificates = await new Promise<readonly string[]>((resolve, reject) =>
    client.CreateCertificate?.(
      { csr, validityDuration: 3600 },
      metadata,
      (error: Error | null, answer: { readonly certChain: readonly string[] }) =>
        error ? reject(error) : resolve(answer.certChain),
    ),
  ).finally(() => client.close());
  const [leaf = "", ...above] = certificates;
  const name = /URI:(spiffe:[^,]+)/.exec(new X509Certificate(leaf).subjectAltName ?? "")?.[1];
  assert.ok(name, leaf);
  return {
    key: fs.readFileSync(`${file}.key`, "utf8"),
    chain: certificates.join("\n"),
    root: above.at(-1) ?? "",
    name,
  };
}

/** SHA-256 of a root certificate, its first bytes. */
export const fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint256.slice(0, 11);

/**
 * A mutual TLS handshake, each side with its own certificate and trusting its own root alone. Gives back why it failed,
 * undefined where it did not.
 */
export async function handshake(caller: Identity, called: Identity): Promise<string | undefined> {
  const server = tls.createServer({
    ...{ key: called.key, cert: called.chain, ca: called.root },
    ...{ requestCert: true, rejectUnauthorized: true },
  });
  server.on("secureConnection", (socket) => socket.end("welcome"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  try {
    return await new Promise<string | undefined>((resolve) => {
      const socket = tls.connect({
        ...{ port, host: "127.0.0.1", key: caller.key, cert: caller.chain, ca: caller.root },
        checkServerIdentity: () => undefined,
      });
      socket.on("data", () => resolve(undefined));
      socket.on("error", (error) => resolve(error.message));
      socket.on("close", () => resolve("closed"));
    });
  } finally {
    server.close();
  }
}
