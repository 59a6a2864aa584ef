/**
 * `npm run mesh:up -- REVISION=VERSION…`: boots a real mesh and leaves it running; prints how to reach it.
 * `npm run mesh:up -- --traffic default=1.19.0 1-20=1.20.0`: one real node, with real sidecars (traffic/README.md).
 * `npm run mesh:up -- default=1.19.0 1-20=1.20.0 --gateway-api --argo-rollouts --old-nodes --istiods 2 --helm 1-20
 * --name one`
 */
import { parseArgs } from "node:util";
import { bootMesh } from "./mesh/lifetime.ts";
import { currentKubelet, oldKubelet } from "./mesh/nodes.ts";

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      "gateway-api": { type: "boolean", default: false },
      "argo-rollouts": { type: "boolean", default: false },
      "old-nodes": { type: "boolean", default: false },
      traffic: { type: "boolean", default: false },
      "kwok-nodes": { type: "string", default: "0" },
      istiods: { type: "string", default: "1" },
      helm: { type: "string", multiple: true, default: [] },
      name: { type: "string", default: `mesh-${process.pid}` },
      detach: { type: "boolean", default: true }, // it always is; said by habit
    },
  });
  const revisions = positionals.map((positional) => {
    const [name, version] = positional.split("=");
    if (!name || !version) throw new Error(`"${positional}" is not REVISION=VERSION, as in default=1.19.0`);
    return {
      name,
      version,
      by: values.helm.includes(name) ? ("helm" as const) : ("istioctl" as const),
      replicas: Number(values.istiods),
    };
  });
  const started = performance.now();
  const options = {
    attached: false,
    kubelet: values["old-nodes"] ? oldKubelet : currentKubelet,
    revisions,
    istiodEnv: {},
    ...(values.traffic && { traffic: { kwokNodes: Number(values["kwok-nodes"]) } }),
  };
  const dir = await bootMesh(
    { ...options, gatewayApi: values["gateway-api"], argoRollouts: values["argo-rollouts"] },
    values.name,
    (line) => console.error(line),
  );
  console.error(
    `the mesh "${values.name}" is up after ${((performance.now() - started) / 1000).toFixed(1)} s; stop it: npm run mesh:down -- ${values.name}`,
  );
  console.log(`export KUBECONFIG=${dir}/kubeconfig`);
} catch (error) {
  console.error(`mesh:up: ${(error as Error).message}`);
  process.exitCode = 1;
}
