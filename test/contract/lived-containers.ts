/**
 * The fixtures' workloads for a real kubelet (`MESH=kubelet`): their containers run a program that reads its life from the
 * pod's labels and annotations, as kwok's stages do on the other mesh (test/real/go/life). Lives of the proxy are had
 * as far as annotations of Istio's reach: `no-istiod` by an address where nobody is, `pull` of the proxy by its image.
 */

import { annotations, lifeLabel } from "../real/mesh/stages.ts";
import { lifeImage } from "../real/traffic/images.ts";
import type { Json } from "./mesh-under-test.ts";

const fixtureImage = "registry.example/app:1";

/** Objects with containers that live; texts of YAML and what has no pod of the fixtures stay as they are. */
export function withLivedContainers(
  manifests: string | object | readonly object[],
): string | object | readonly object[] {
  if (typeof manifests === "string") return manifests;
  return Array.isArray(manifests) ? manifests.map(lived) : lived(manifests);
}

function lived(object: Json): Json {
  const { kind, spec } = object;
  if (kind === "Pod") return { ...object, ...podOf(object, false) };
  if (kind === "CronJob") {
    const { kind: _, ...jobTemplate } = lived({ ...spec.jobTemplate, kind: "Job" });
    return { ...object, spec: { ...spec, jobTemplate } };
  }
  if (spec?.template?.spec === undefined) return object;
  return { ...object, spec: { ...spec, template: podOf(spec.template, kind === "Job") } };
}

function podOf({ metadata = {}, spec }: Json, ofJob: boolean): Json {
  const life = metadata.labels?.[lifeLabel];
  const ofProxy = metadata.annotations?.[annotations.container] === "istio-proxy";
  const added = {
    ...(life === "no-istiod" && {
      "proxy.istio.io/config": JSON.stringify({ discoveryAddress: "nobody.istio-system.svc:15012" }),
    }),
    ...(life === "pull" && ofProxy && { "sidecar.istio.io/proxyImage": "registry.example/proxy:1" }),
  };
  const pulled = life === "pull" && !ofProxy;
  return {
    metadata: { ...metadata, annotations: { ...metadata.annotations, ...added } },
    spec: {
      ...spec,
      containers: spec.containers.map((container: Json) =>
        container.image === fixtureImage
          ? { ...container, ...living(ofJob), ...(pulled && { image: fixtureImage }) }
          : container,
      ),
    },
  };
}

const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
const annotated = (name: string, annotation: string) => field(name, `metadata.annotations['${annotation}']`);

/** A probe of every second, so that nothing is seen later than it would be simulated. */
const living = (ofJob: boolean) => ({
  image: lifeImage,
  env: [
    field("LIFE", `metadata.labels['${lifeLabel}']`),
    annotated("STATUS", "sidecar.istio.io/status"),
    annotated("ON_REVISION", annotations.onRevision),
    annotated("READY_AFTER", annotations.readyAfter),
    annotated("READY_BEFORE", annotations.readyBefore),
    annotated("CRASH_AFTER", annotations.crashAfter),
    annotated("RUN_FOR", annotations.runFor),
    annotated("TERMINATE_AFTER", annotations.terminateAfter),
    { name: "OF_JOB", value: String(ofJob) },
  ],
  ...(!ofJob && {
    readinessProbe: { exec: { command: ["life", "ready"] }, periodSeconds: 1, timeoutSeconds: 5 },
    lifecycle: { preStop: { exec: { command: ["life", "terminate"] } } },
  }),
});
