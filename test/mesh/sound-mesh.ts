/** A mesh without findings, and changes to it. */

import { undoAnnotation } from "../../src/mesh/model.ts";
import type { UndoRecord } from "../../src/upgrade/record/undo-record.ts";
import { type MeshWords, type NamespaceWords, ownInjector, plane, tag, tagInjector } from "./mesh-scene.ts";

export const sound: MeshWords = {
  controlPlanes: [plane("1-20"), plane("default", { version: "1.19.0" })],
  injectors: [
    ...ownInjector("1-20"),
    ...tagInjector("default", "default"),
    ...ownInjector("default", { deactivated: true }),
  ],
  tags: [tag("default", "default")],
  defaultValidator: { name: "istiod-default-validator", revision: "default" },
  namespaces: [
    { name: "production", labels: { "istio.io/rev": "1-20" } },
    { name: "shop", labels: { "istio-injection": "enabled" } },
    { name: "kube-system" },
  ],
  workloads: [
    { namespace: "production", name: "web", runs: ["1-20", "1-20"] },
    { namespace: "production", name: "batch", podLabels: { "sidecar.istio.io/inject": "false" }, runs: [null] },
    { namespace: "shop", name: "cart", runs: ["default"] },
    { namespace: "kube-system", name: "dns", runs: [null] },
  ],
};

export const production = (labels: Record<string, string>, rest: object = {}): readonly NamespaceWords[] => [
  { name: "production", labels, ...rest },
];
/** A revision without an istiod. */
export const dead = { deployment: undefined, istiods: [], readyReplicas: 0, desiredReplicas: 0 };
/** The text of a whole undo record: of an unfinished migration to 1-20, but for the change. */
export const undoRecord = (change: Partial<UndoRecord> = {}): string =>
  JSON.stringify({
    version: 1,
    run: "r1",
    target: { label: "1-20", revision: "1-20" },
    stamp: "2026-11-03T04:05:06Z",
    namespaceUid: "uid-of-production",
    before: { "istio-injection": "enabled", "istio.io/rev": null },
    from: { revision: "default" },
    state: "open",
    ...change,
  });

/** Namespace production with this undo record. */
export const undo = (text: string) =>
  production({ "istio.io/rev": "1-20" }, { annotations: { [undoAnnotation]: text } });
