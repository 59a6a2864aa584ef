import { generate } from "selfsigned";

/** PEM texts of an authority made for one test run, and of what it signed. */
export interface Pki {
  readonly ca: string;
  readonly server: Signed;
  readonly client: Signed;
}

export interface Signed {
  readonly cert: string;
  readonly key: string;
}

let made: Promise<Pki> | undefined;

/**
 * An authority, a server certificate for 127.0.0.1 and `api.test`, and a client certificate of `alice`. Made once a
 * process.
 */
export function testPki(): Promise<Pki> {
  made ??= makePki();
  return made;
}

/** Another one each time; its server certificate is of these names too. */
export async function makePki(authorityName = "test-ca", serverNames: readonly string[] = []): Promise<Pki> {
  const own = { keyType: "ec", algorithm: "sha256" } as const;
  const authority = await generate([{ name: "commonName", value: authorityName }], {
    ...own,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, critical: true },
    ],
  });
  const ca = { key: authority.private, cert: authority.cert };
  const [server, client] = await Promise.all([
    generate([{ name: "commonName", value: "api.test" }], {
      ...own,
      ca,
      extensions: [
        {
          name: "subjectAltName",
          altNames: [
            { type: 7, ip: "127.0.0.1" },
            { type: 2, value: "api.test" },
            ...serverNames.map((value) => ({ type: 2, value }) as const),
          ],
        },
      ],
    }),
    generate([{ name: "commonName", value: "alice" }], {
      ...own,
      ca,
      extensions: [{ name: "extKeyUsage", clientAuth: true }],
    }),
  ]);
  return {
    ca: authority.cert,
    server: { cert: server.cert, key: server.private },
    client: { cert: client.cert, key: client.private },
  };
}
