/** Opens the real mesh for the tests of the contract. */
import { setTimeout as sleep } from "node:timers/promises";
import { upMesh } from "../real/kit.ts";
import { withLivedContainers } from "./lived-containers.ts";
import type { MeshUnderTest, MeshUnderTestOptions, RunOptions } from "./mesh-under-test.ts";

export async function openRealMesh(options: MeshUnderTestOptions, traffic: boolean): Promise<MeshUnderTest> {
  const mesh = await upMesh({ ...options, traffic });
  const recorder = await mesh.recorder();
  const { kubeconfig, api } = mesh;
  return {
    ...{ kind: "real", kubeconfig, api },
    apply: (manifests) => mesh.apply(traffic ? withLivedContainers(manifests) : manifests),
    run: (plugin, args, { signal, ...rest }: RunOptions = {}) =>
      mesh.run(plugin, args, {
        ...rest,
        onStart: (child) => signal?.addEventListener("abort", () => child.kill("SIGINT"), { once: true }),
      }),
    shell: (commandLine) => mesh.shell(commandLine),
    createNamespace: mesh.createNamespace,
    waitReady: (namespace, seconds = 120) => mesh.waitReady(namespace, seconds),
    pods: (namespace) => mesh.pods(namespace),
    eventually: mesh.eventually,
    during: (promise) => promise,
    pass: (millis) => sleep(millis),
    now: mesh.now,
    stopIstiod: mesh.stopIstiod,
    startIstiod: mesh.startIstiod,
    scaleIstiod: mesh.scaleIstiod,
    setTag: mesh.setTag,
    setWebhookFault: mesh.setWebhookFault,
    audit: mesh.audit,
    availability: (namespace) => recorder.report(namespace),
    heldProxies: mesh.heldProxies,
    [Symbol.asyncDispose]: async () => {
      recorder.stop();
      await mesh.down();
    },
  };
}
