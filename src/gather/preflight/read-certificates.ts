/** Asks Envoy in the pods of gateways which certificates it holds: no Secret is read. */
import type { Cluster } from "../../cluster/cluster.ts";
import { instantOf } from "../../mesh/instant.ts";
import type { Mesh, Pod, Workload } from "../../mesh/model.ts";
import { refOf } from "../../mesh/object-ref.ts";
import type { GatewayCertificates, ServedCertificate } from "../../upgrade/preflight/evidence/config-evidence.ts";
import { gatewayKindOf } from "../../upgrade/preflight/gateway-kind.ts";

/** Where Envoy's admin page is in a proxy of Istio, on the loopback address (`proxyAdminPort` of its defaults). */
const adminPort = 15000;

const mostGateways = 20;

/**
 * One pod of each gateway is asked, of 20 gateways at most; waypoints have no clients outside the mesh. Never throws:
 * a gateway without a good answer is `unanswered`, with the reason.
 */
export const readCertificates = async (cluster: Cluster, mesh: Mesh): Promise<readonly GatewayCertificates[]> => {
  const found = mesh.workloads.filter((workload) => !["waypoint", undefined].includes(gatewayKindOf(workload)));
  const running = found.flatMap((workload) => {
    const pod = workload.pods.find(isUp);
    return pod === undefined ? [] : [{ workload, pod }];
  });
  return Promise.all(
    running.map(({ workload, pod }, index) =>
      index < mostGateways
        ? ask(cluster, workload, pod)
        : unanswered(workload, `of more than ${mostGateways} gateways the first alone are asked`),
    ),
  );
};

const isUp = ({ phase, terminating, proxy }: Pod): boolean =>
  phase === "Running" && !terminating && proxy?.ready === true;

const unanswered = (workload: Workload, reason: string): GatewayCertificates => ({
  ...{ kind: "unanswered", gateway: refOf(workload), reason },
});

const ask = async (cluster: Cluster, workload: Workload, pod: Pod): Promise<GatewayCertificates> => {
  try {
    const body = await cluster.getFromPod({ namespace: pod.namespace, name: pod.name }, adminPort, "/certs");
    return { kind: "answered", gateway: refOf(workload), certificates: certificatesFrom(body) };
  } catch (error) {
    return unanswered(workload, error instanceof Error ? error.message : String(error));
  }
};

/**
 * The chains that Envoy presents, without those of the mesh itself, which have a SPIFFE id and live for a day. Throws an
 * `Error` for another form. Source: `Certificates` (envoyproxy/envoy api/envoy/admin/v3/certs.proto).
 */
export const certificatesFrom = (body: string): readonly ServedCertificate[] =>
  listIn(parsed(body), "certificates")
    .flatMap((each) => listIn(each, "cert_chain"))
    .flatMap((details) => {
      const expires = fieldOf(details, "expiration_time");
      if (typeof expires !== "string" || instantOf(expires) === undefined) throw malformed();
      const subjects = listIn(details, "subject_alt_names");
      const texts = (field: string): readonly string[] =>
        subjects.map((subject) => fieldOf(subject, field)).filter((text) => typeof text === "string");
      if (texts("uri").some((uri) => uri.startsWith("spiffe://"))) return [];
      return [{ names: [...texts("dns"), ...texts("ip_address")], expires }];
    });

const malformed = (): Error => new Error("Envoy's answer to /certs is not a list of certificates");

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body);
  } catch {
    throw malformed();
  }
};

const fieldOf = (value: unknown, field: string): unknown => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed();
  return Object.hasOwn(value, field) ? (value as Readonly<Record<string, unknown>>)[field] : undefined;
};

/** A list that is empty is left out. */
const listIn = (value: unknown, field: string): readonly unknown[] => {
  const list = fieldOf(value, field) ?? [];
  if (!Array.isArray(list)) throw malformed();
  return list;
};
