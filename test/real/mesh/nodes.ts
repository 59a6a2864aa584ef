/** The kubelet versions that nodes report: Istio looks at them before it makes the proxy a native sidecar. */
export const currentKubelet = "v1.36.3";
export const oldKubelet = "v1.31.0";
