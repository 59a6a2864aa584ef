/**
 * The meshes on which the build runs the executables, so that V8 compiles the code of usual commands: one that answers
 * in protobuf, as a real API server does, and the embedded mesh of the tests, with TLS, port-forwards, istiods and
 * controllers.
 */
import { bootMesh } from "../test/embedded/mesh.ts";
import { deployment } from "../test/real/workloads.ts";
import { warmServer } from "./warm-server.ts";

export interface WarmMeshes extends AsyncDisposable {
  /**
   * The arguments to run, for any plugin; a plugin without one of the flags reports wrong usage. Each call returns
   * something that is not moved yet.
   */
  commands(): Promise<readonly (readonly string[])[]>;
}

export const warmMeshes = async (): Promise<WarmMeshes> => {
  const [server, mesh] = await Promise.all([
    warmServer(),
    bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" }, time: "real" }),
  ]);
  const protobuf = ["--server", server.url, "--kubeconfig", "/dev/null", "--request-timeout", "5s"];
  const embedded = ["--kubeconfig", mesh.kubeconfig];
  return {
    async commands() {
      const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
      await mesh.apply([deployment({ namespace, name: "web" })]);
      await mesh.waitReady(namespace);
      const to = ["-n", namespace, "--to", "1-20", ...embedded];
      return [
        ["--version"],
        ["--help"],
        ["--bogus"],
        [...protobuf],
        ["-n", "production", "-o", "wide", ...protobuf],
        ["-o", "json", ...protobuf],
        ["-o", "yaml", ...protobuf],
        ["-n", "production", "--to", "1-20", ...protobuf],
        ["-A", "--to", "1-20", "--dry-run=client", ...protobuf],
        ["__complete", ...protobuf, "-n", ""],
        ["__complete", ...protobuf, "--to", ""],
        embedded,
        ["-n", namespace, ...embedded],
        [...to, "--dry-run=client"],
        to,
      ];
    },
    async [Symbol.asyncDispose]() {
      server.close();
      await mesh.down();
    },
  };
};
