/** A mesh whose webhooks are called by name. */
import { injectableFrom, injectionOf } from "../../mesh/injection.ts";
import type { Mesh } from "../../mesh/model.ts";

/**
 * The mesh as it is where the API server calls webhooks through Services of type ExternalName, which it may or may not
 * do. To plan by it is safe, because a trial pod has to be injected before anything is restarted; without one the
 * injection stays unknown.
 */
export const withNamesCalled = (mesh: Mesh): Mesh => {
  if (!mesh.injectors.some(({ service }) => service === "name")) return mesh;
  const injectors = mesh.injectors.map((injector) =>
    injector.service === "name" ? { ...injector, readyEndpoints: 1 } : injector,
  );
  const labels = new Map(mesh.namespaces.map((namespace) => [namespace.name, namespace.labels]));
  return {
    ...mesh,
    injectors,
    namespaces: mesh.namespaces.map((namespace) => ({
      ...namespace,
      injection: injectionOf(injectors, namespace, {}),
    })),
    workloads: mesh.workloads.map((workload) => {
      const own = labels.get(workload.namespace);
      return own === undefined || workload.template === undefined
        ? workload
        : {
            ...workload,
            injection: injectionOf(
              injectors,
              { name: workload.namespace, labels: own },
              injectableFrom(workload.template),
            ),
          };
    }),
  };
};
