/** The real mesh as the contract's bed. */
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, upMesh } from "../real/kit.ts";
import { heldProxies } from "../real/witness.ts";
import type { Bed, BedOptions } from "./bed.ts";

export async function openRealBed(options: BedOptions): Promise<Bed> {
  const mesh = await upMesh(options);
  const recorder = await mesh.recorder();
  const { kubeconfig, api } = mesh;
  return {
    ...{ kind: "real", concurrency: 3, kubeconfig, api },
    apply: mesh.apply,
    run: (plugin, args, runOptions = {}) => mesh.run(plugin, args, runOptions),
    createNamespace: mesh.createNamespace,
    waitReady: (namespace, seconds = 120) => mesh.waitReady(namespace, seconds),
    pods: (namespace) => mesh.pods(namespace),
    eventually: (what, ask, seconds = 60) => eventually(what, ask, seconds),
    during: (promise) => promise,
    pass: (millis) => sleep(millis),
    now: () => new Date(),
    stopIstiod: mesh.stopIstiod,
    startIstiod: mesh.startIstiod,
    scaleIstiod: mesh.scaleIstiod,
    setTag: mesh.setTag,
    setWebhookFault: mesh.setWebhookFault,
    audit: mesh.audit,
    availability: (namespace) => recorder.report(namespace),
    heldProxies: (revisions) => heldProxies(mesh, revisions),
    [Symbol.asyncDispose]: async () => {
      recorder.stop();
      await mesh.down();
    },
  };
}
