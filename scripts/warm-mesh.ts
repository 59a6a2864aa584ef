/**
 * The mesh that the executables are run against while they are built, so that the code that people run is in them as
 * compiled code: the embedded one of the tests, with lists in protobuf, TLS, port-forwards, and pods that move.
 */
import { bootMesh } from "../test/embedded/mesh.ts";
import { deployment, statefulSet } from "../test/fixtures/workload-objects.ts";

export interface WarmMesh extends AsyncDisposable {
  /**
   * What is to be run, as arguments of any plugin; a plugin that has not such a flag says so. Each time with something
   * that is still to be moved.
   */
  commands(): Promise<readonly (readonly string[])[]>;
}

/** Boots it in a second, between two revisions: with workloads on both, and with what every finding is about. */
export const warmMesh = async (): Promise<WarmMesh> => {
  const mesh = await bootMesh({ revisions: { default: "1.19.0", "1-20": "1.20.0" }, time: "real" });
  const cluster = ["--kubeconfig", mesh.kubeconfig];

  const production = await mesh.createNamespace({ "istio.io/rev": "1-20" }, "production");
  await mesh.apply([deployment({ namespace: production, name: "api" })]);
  await mesh.waitReady(production);
  await mesh.api.merge(`/api/v1/namespaces/${production}`, {
    metadata: { labels: { "istio.io/rev": null, "istio-injection": "enabled" } },
  });
  await mesh.apply([
    deployment({ namespace: production, name: "web" }),
    deployment({ namespace: production, name: "single", replicas: 1, spec: { strategy: { type: "Recreate" } } }),
    statefulSet({ namespace: production, name: "db", replicas: 2 }),
  ]);
  await mesh.waitReady(production);
  await mesh.createNamespace({ "istio.io/rev": "1-20" }, "staging");
  await mesh.createNamespace({ "istio.io/rev": "none" }, "lost");

  return {
    async commands() {
      const namespace = await mesh.createNamespace({ "istio-injection": "enabled" });
      await mesh.apply([deployment({ namespace, name: "web" })]);
      await mesh.waitReady(namespace);
      const to = ["-n", namespace, "--to", "1-20", ...cluster];
      return [
        ["--version"],
        ["--help"],
        ["--bogus"],
        cluster,
        ["-n", production, "-o", "wide", ...cluster],
        ["-o", "json", ...cluster],
        ["-o", "yaml", ...cluster],
        ["-n", production, "--to", "1-20", ...cluster],
        ["-A", "--to", "1-20", "--dry-run=client", ...cluster],
        ["__complete", ...cluster, "-n", ""],
        ["__complete", ...cluster, "--to", ""],
        [...to, "--dry-run=client"],
        to,
      ];
    },
    [Symbol.asyncDispose]: () => mesh.down(),
  };
};
