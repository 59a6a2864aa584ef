/** Opens the embedded mesh for the tests of the contract, in virtual time. */
import { bootMesh, type EmbeddedMesh } from "../embedded/mesh.ts";
import { recordAvailability } from "../embedded/recorder.ts";
import { interrupt, runPluginHere } from "../embedded/run.ts";
import { runKubectlLine } from "./kubectl-lines.ts";
import type { MeshUnderTest, MeshUnderTestOptions } from "./mesh-under-test.ts";

/** With the mesh itself, for what only it can do. */
export interface EmbeddedUnderTest extends MeshUnderTest {
  readonly embedded: EmbeddedMesh;
}

export async function openEmbeddedMesh(options: MeshUnderTestOptions): Promise<EmbeddedUnderTest> {
  const mesh = await bootMesh(options);
  const recorder = recordAvailability(mesh);
  const { kubeconfig, clock } = mesh;
  /** Of the harness too: what it asks is answered while time stands still, but a webhook that is slow takes time. */
  const api: MeshUnderTest["api"] = {
    ...mesh.api,
    get: (path) => clock.during(mesh.api.get(path)),
    post: (path, body) => clock.during(mesh.api.post(path, body)),
    merge: (path, body) => clock.during(mesh.api.merge(path, body)),
    apply: (path, body, manager) => clock.during(mesh.api.apply(path, body, manager)),
    delete: (path) => clock.during(mesh.api.delete(path)),
  };
  const underTest: EmbeddedUnderTest = {
    ...{ kind: "embedded", embedded: mesh, kubeconfig, api },
    apply: (manifests) => mesh.apply(manifests as Parameters<typeof mesh.apply>[0]),
    run: async (plugin, args, { signal, ...rest } = {}) => {
      process.env.KUBECONFIG = kubeconfig; // as in a person's shell: so the commands that are printed are the same
      const stop = new AbortController();
      signal?.addEventListener("abort", () => stop.abort(interrupt), { once: true });
      const run = await clock.during(runPluginHere(plugin, args, clock, { ...rest, signal: stop.signal }));
      await mesh.pass(1); // so that what comes next comes later
      return run;
    },
    shell: (commandLine) => runKubectlLine(underTest, commandLine),
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
    heldProxies: mesh.heldProxies,
    [Symbol.asyncDispose]: async () => {
      recorder[Symbol.dispose]();
      await mesh.down();
    },
  };
  return underTest;
}
