/** Kubeconfigs that lead nowhere. */
import fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { generate } from "selfsigned";
import { assertAllFail } from "./failures.ts";
import { mesh } from "./one-mesh.ts";

/** Registers the suite. */
export function describeKubeconfigs(): void {
  describe("kubeconfigs", { concurrency: 2 }, () => {
    const write = (name: string, content: string | object): string => {
      const file = path.join(mesh.dir, name);
      fs.writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
      return file;
    };
    const as = (name: string, user: object): string => {
      const config = JSON.parse(fs.readFileSync(mesh.kubeconfig, "utf8"));
      return write(name, { ...config, users: [{ name: config.users[0].name, user }] });
    };

    test("missing, named by the flag", () =>
      assertAllFail(
        ["--kubeconfig", "/nowhere/config"],
        /cannot read kubeconfig \/nowhere\/config: there is no such file/,
        /Check --kubeconfig/,
      ));

    test("missing, named by the variable", () =>
      assertAllFail([], /^error: no cluster is configured$/, /Looked at \/nowhere\/config\. Name a kubeconfig/, {
        env: { KUBECONFIG: "/nowhere/config" },
      }));

    test("not YAML, a list, a folder", async () => {
      const config = /`kubectl config/;
      await assertAllFail(["--kubeconfig", write("broken", "clusters: [{")], /broken is not YAML \(line \d+\)/, config);
      await assertAllFail(["--kubeconfig", write("list", "- a\n- b\n")], /kubeconfig .*list/, config);
      await assertAllFail(
        ["--kubeconfig", mesh.dir],
        /cannot read kubeconfig .*: it is a folder$/,
        /Check --kubeconfig/,
      );
    });

    test("a context that is not there", () =>
      assertAllFail(["--context", "prod"], /context "prod" does not exist in /, /^ {2}There are: real\.$/));

    test("a token that is not accepted", () =>
      assertAllFail(
        ["--kubeconfig", as("token", { token: "expired" })],
        /Unauthorized/,
        /log in again.*kubectl auth whoami/,
      ));

    test("a certificate that has expired", async () => {
      const pki = (name: string) => fs.readFileSync(path.join(mesh.dir, "pki", name), "utf8");
      const names = [
        { name: "organizationName", value: "system:masters" },
        { name: "commonName", value: "admin" },
      ];
      const { private: key, cert } = await generate(names, {
        ...{ keyType: "ec", algorithm: "sha256", ca: { key: pki("ca.key"), cert: pki("ca.crt") } },
        ...{ notBeforeDate: new Date(Date.now() - 7_200_000), notAfterDate: new Date(Date.now() - 3_600_000) },
        extensions: [{ name: "extKeyUsage", clientAuth: true }],
      });
      const [data, keyData] = [cert, key].map((pem) => Buffer.from(pem).toString("base64"));
      const user = { "client-certificate-data": data, "client-key-data": keyData };
      await assertAllFail(["--kubeconfig", as("expired", user)], /Unauthorized|certificate/, /log in again/);
    });

    test("a credential plugin that is not there, and one that fails", async () => {
      const exec = (command: string) => ({
        exec: { apiVersion: "client.authentication.k8s.io/v1", command, args: ["token"], interactiveMode: "Never" },
      });
      await assertAllFail(["--kubeconfig", as("no-plugin", exec("no-such-plugin"))], /no-such-plugin/, /\S/);
      await assertAllFail(["--kubeconfig", as("failing-plugin", exec("false"))], /false/, /\S/);
    });
  });
}
