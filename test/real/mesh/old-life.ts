/**
 * What a restored mesh has of the life in which its snapshot was taken, and must not have: pods whose process
 * is gone, who led, what happened. It is taken away before any controller starts, which then makes it anew.
 * Nodes stay, ready as they were: pods that were there before them would wait for the scheduler's next try.
 */
import { type Api, ApiError, eventually, type Json } from "./api.ts";

const istio = "/namespaces/istio-system";
const leader = "control-plane.alpha.kubernetes.io/leader"; // client-go's resourcelock.LeaderElectionRecordAnnotationKey

/**
 * Takes it away. Only the API server runs; it is asked again while its caches of some kinds are not filled yet.
 */
export async function forgetOldLife(api: Api, now: PortsNow): Promise<void> {
  await eventually("the old life to be forgotten", () => forget(api, now), 60, 20);
}

/** Where the nodes' kubelet and the API server listen in the new life. */
export interface PortsNow {
  readonly kubelet: number;
  readonly server: number;
}

async function forget(api: Api, now: PortsNow): Promise<true> {
  const items = async (path: string): Promise<Json[]> => (await api.get(path)).items;
  const each = async (path: string, wanted: (object: Json) => boolean = () => true) =>
    (await items(path)).filter(wanted).map(({ metadata }) => `${path}/${metadata.name}`);
  const core = "/api/v1";
  const gone = await Promise.all([
    each(`${core}${istio}/pods`),
    each(`${core}${istio}/endpoints`),
    each(`/apis/discovery.k8s.io/v1${istio}/endpointslices`),
    each("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"),
    each(`/apis/coordination.k8s.io/v1${istio}/leases`),
    each(`${core}${istio}/configmaps`, ({ metadata }) => metadata.annotations?.[leader] !== undefined),
    each(`/apis/kwok.x-k8s.io/v1alpha1${istio}/portforwards`),
    each("/apis/kwok.x-k8s.io/v1alpha1/clusterlogs"), // they name files of the mesh's folder
  ]);
  for (const node of await each(`${core}/nodes`))
    await api.merge(`${node}/status?fieldManager=kwok`, {
      status: { daemonEndpoints: { kubeletEndpoint: { Port: now.kubelet } } },
    });
  const port = { name: "https", port: 443, protocol: "TCP", targetPort: now.server };
  const itself = `${core}/namespaces/default/services/kubernetes?fieldManager=kube-apiserver`;
  await api.merge(itself, { spec: { ports: [port] } });
  const namespaces = await each(`${core}/namespaces`);
  await Promise.all([
    ...gone.flat().map((path) => api.delete(`${path}?gracePeriodSeconds=0`).catch(unlessGone)),
    ...namespaces.map((path) => api.delete(`${path}/events`)),
  ]);
  // The statuses still count the pods that are gone. Whoever waits for them must not be told so.
  const apps = `/apis/apps/v1${istio}`;
  const none = { replicas: 0, readyReplicas: 0, availableReplicas: 0, observedGeneration: 0 };
  const statuses = [
    ...(await each(`${apps}/replicasets`)).map((path) => ({ path, status: { ...none, fullyLabeledReplicas: 0 } })),
    ...(await each(`${apps}/deployments`)).map((path) => ({ path, status: { ...none, updatedReplicas: 0 } })),
  ];
  await Promise.all(
    statuses.map(({ path, status }) => api.merge(`${path}/status?fieldManager=kube-controller-manager`, { status })),
  );
  return true;
}

function unlessGone(error: unknown): void {
  if (!(error instanceof ApiError && error.status === 404)) throw error;
}
