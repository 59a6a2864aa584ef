/**
 * What an istiod would make of a pod: it is asked as the API server asks it, over a port-forward to its webhook. Nothing
 * is created, not even as a dry run, and no label has to be there yet.
 */
import type { Cluster } from "../../cluster/cluster.ts";
import { ClusterError } from "../../cluster/cluster-error.ts";
import type { PodObject } from "../../mesh/kubernetes.ts";
import type { Injector, Istiod, Mesh } from "../../mesh/model.ts";
import { decodedBundle } from "../../upgrade/preflight/certificates.ts";
import { patched } from "../../upgrade/trial/json-patch.ts";

/** The port of istiod behind port 443 of its Service (`--httpsAddr`, istio/istio pilot/cmd/pilot-discovery/app/cmd.go). */
export const webhookPort = 15017;

/**
 * The pod as istiods of this revision inject it; as it was where they leave it alone. Throws `ClusterError` where there
 * is no answer: `not-found` where no ready istiod is in this cluster.
 */
export const injectedPod = async (
  cluster: Cluster,
  mesh: Pick<Mesh, "injectors" | "controlPlanes">,
  revision: string,
  pod: object,
  namespace: string,
): Promise<PodObject> => {
  const [injector, istiod] = [injectorOf(mesh, revision), istiodOf(mesh, revision)];
  const { service, caBundle } = injector?.entry.clientConfig ?? {};
  if (!service || !caBundle || !istiod)
    throw new ClusterError(`no ready istiod of revision ${revision} in this cluster can be asked what it injects`, {
      reason: "not-found",
    });
  const text = await cluster.postToPod(istiod, webhookPort, {
    path: service.path ?? "/inject",
    body: reviewOf(pod, namespace),
    ca: decodedBundle(caBundle),
    servername: `${service.name}.${service.namespace}.svc`,
  });
  return answered(text, pod, revision);
};

/** An entry of its own webhook, else of a tag's: they call the same istiods. */
const injectorOf = ({ injectors }: Pick<Mesh, "injectors">, revision: string): Injector | undefined =>
  injectors
    .filter((injector) => injector.revision === revision && injector.entry.clientConfig.service !== undefined)
    .sort((a, b) => Number(a.tag !== undefined) - Number(b.tag !== undefined))[0];

const istiodOf = ({ controlPlanes }: Pick<Mesh, "controlPlanes">, revision: string): Istiod | undefined =>
  controlPlanes
    .filter((plane) => plane.revision === revision)
    .flatMap(({ istiods }) => istiods)
    .find(({ ready, terminating }) => ready && !terminating);

/** https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request */
const reviewOf = (object: object, namespace: string): object => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    ...{ uid: "kubectl-mesh", namespace, operation: "CREATE", dryRun: true, userInfo: {}, object },
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
  },
});

interface Review {
  readonly response?: {
    readonly allowed?: boolean;
    readonly status?: { readonly message?: string };
    readonly patch?: string;
  };
}

const answered = (text: string, pod: object, revision: string): PodObject => {
  const bad = (why: string, reason: "malformed" | "denied" = "malformed"): ClusterError =>
    new ClusterError(`what revision ${revision} would inject is not known: ${why}`, { reason });
  try {
    const { response } = JSON.parse(text) as Review;
    if (response?.allowed !== true) throw bad(response?.status?.message ?? "it is not allowed", "denied");
    const operations = response.patch === undefined ? [] : JSON.parse(Buffer.from(response.patch, "base64").toString());
    return patched(pod, operations) as PodObject;
  } catch (error) {
    throw error instanceof ClusterError ? error : bad((error as Error).message);
  }
};
