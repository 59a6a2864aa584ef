/** The embedded mesh as the contract's bed, in virtual time. */
import { bootMesh } from "../embedded/mesh.ts";
import { recordAvailability } from "../embedded/recorder.ts";
import type { Bed, BedOptions, HeldProxy } from "./bed.ts";

export async function openEmbeddedBed(options: BedOptions): Promise<Bed> {
  const mesh = await bootMesh(options);
  const recorder = recordAvailability(mesh);
  const { kubeconfig, clock } = mesh;
  /** Of the harness too: what it asks is answered while time stands still, but a webhook that is slow takes time. */
  const api: Bed["api"] = {
    ...mesh.api,
    get: (path) => clock.during(mesh.api.get(path)),
    post: (path, body) => clock.during(mesh.api.post(path, body)),
    merge: (path, body) => clock.during(mesh.api.merge(path, body)),
    delete: (path) => clock.during(mesh.api.delete(path)),
  };
  return {
    ...{ kind: "embedded", concurrency: 1, kubeconfig, api },
    apply: (manifests) => mesh.apply(manifests as Parameters<typeof mesh.apply>[0]),
    run: mesh.run,
    createNamespace: mesh.createNamespace,
    waitReady: (namespace, seconds = 120) => mesh.waitReady(namespace, seconds),
    pods: mesh.pods,
    eventually: mesh.eventually,
    during: clock.during,
    pass: mesh.pass,
    now: () => new Date(clock.wall()),
    stopIstiod: mesh.stopIstiod,
    startIstiod: mesh.startIstiod,
    scaleIstiod: mesh.scaleIstiod,
    setTag: mesh.setTag,
    setWebhookFault: mesh.setWebhookFault,
    audit: mesh.audit,
    availability: (namespace) => recorder.report(namespace),
    heldProxies: async (revisions) => {
      const held = mesh.planes.held().filter(({ revision }) => revisions?.includes(revision) ?? true);
      return new Map(
        [...Map.groupBy(held, ({ connection }) => connection.proxy)].map(([proxy, each]) => [
          proxy,
          each.map(
            ({ revision, connection: { cds, lds } }): HeldProxy => ({
              ...{ revision, cds: cds.state === "acked", lds: lds.state === "acked" },
            }),
          ),
        ]),
      );
    },
    [Symbol.asyncDispose]: async () => {
      recorder[Symbol.dispose]();
      await mesh.down();
    },
  };
}
