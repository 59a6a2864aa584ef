/** Whether an istiod injects its proxy as a native sidecar: an init container with `restartPolicy: Always`. */
import { minorOf } from "../../mesh/istio-version.ts";
import { labelOf } from "../../mesh/labels.ts";
import type { Workload } from "../../mesh/model.ts";
import type { ClusterNode } from "./evidence/node-evidence.ts";

/** Kubelets with native sidecars switched on by default; and from which on an istiod uses them by itself. */
const switchedOn = 29;
const usedByItself = 33;

/**
 * Whether an istiod of this version and with this value of `ENABLE_NATIVE_SIDECARS` injects native sidecars. Off up to 1.26
 * unless the variable is `true`; from 1.27 on the default is `auto`: where every kubelet is 1.33 or later. `undefined`
 * where it cannot be told. Source: pilot/pkg/features/pilot.go, `DetectNativeSidecar` (pkg/kube/inject/webhook.go) of
 * istio/istio 1.19, 1.20, 1.28 and 1.29; for 1.27, istio/istio#48794.
 */
export const injectsNative = (
  version: string | undefined,
  setting: string | undefined,
  nodes: readonly ClusterNode[],
): boolean | undefined => {
  const minor = minorOf(version);
  if (minor === undefined) return undefined;
  if (setting === "true") return true;
  if (minor < 27) return setting === undefined || setting === "false" ? false : undefined;
  if (setting !== undefined && setting !== "auto") return false;
  const minors = nodes.map(({ kubelet }) => kubeletMinor(kubelet));
  return minors.length === 0 ? undefined : minors.every((each) => (each ?? 0) >= usedByItself);
};

/**
 * The same of one workload: its annotation `sidecar.istio.io/nativeSidecar` decides from 1.24 on. `undefined` also where another
 * template than the sidecar's is injected, which has its own form. Source: release notes of 1.24, and
 * files/injection-template.yaml of 1.28 and 1.29.
 */
export const becomesNative = (
  { template, gateway }: Workload,
  version: string | undefined,
  injector: boolean | undefined,
): boolean | undefined => {
  const annotations = template?.metadata?.annotations;
  if (gateway || labelOf(annotations, "inject.istio.io/templates") !== undefined) return undefined;
  const own = labelOf(annotations, "sidecar.istio.io/nativeSidecar");
  return own !== undefined && own !== "" && (minorOf(version) ?? 0) >= 24 ? own !== "false" : injector;
};

/** The nodes on which a pod with a native sidecar does not run, unless a feature gate is set: kubelets before 1.29. */
export const withoutNativeSidecars = (nodes: readonly ClusterNode[]): readonly ClusterNode[] =>
  nodes.filter(({ kubelet }) => (kubeletMinor(kubelet) ?? switchedOn) < switchedOn);

/** The minor version of a kubelet: `v1.29.3` is 29, `v1.33.1-eks-1de2ab1` is 33. */
const kubeletMinor = (kubelet: string): number | undefined => {
  const minor = /^v?1\.(\d+)/.exec(kubelet)?.[1];
  return minor === undefined ? undefined : Number(minor);
};
