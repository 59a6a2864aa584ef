/**
 * Istio's metrics of requests, from an Envoy without Istio's stats filter: Envoy's own access logger `stats` (1.37 and
 * later) counts each request and its duration. Names, labels and their values are those of that filter (istio/proxy,
 * source/extensions/filters/http/istio_stats/istio_stats.cc); where they cannot be, README.md says so.
 */

/**
 * Envoy puts "envoy_" before every name, but not before one of a registered namespace, which it cuts off; Istio's filter
 * registers its own. In an upstream Envoy whatever is of Wasm registers this one
 * (source/extensions/filters/network/wasm/config.cc), and Istio's bootstrap keeps what begins with "wasm".
 */
const statNamespace = "wasmcustom";

/** The least module that Envoy loads: `proxy_abi_version_0_2_1` and `malloc`, which do nothing, and a page of memory. */
const emptyModule =
  "AGFzbQEAAAABCQJgAABgAX8BfwMDAgABBQMBAAEHLQMXcHJveHlfYWJpX3ZlcnNpb25fMF8yXzEAAAZtYWxsb2MAAQZtZW1vcnkCAAoJAgIACwQAQQgL";

type Tags = Readonly<Record<string, string>>;

const cel = (expression: string): string => `%CEL(${expression})%`;
/** `absent` where the attribute is not there: https://www.envoyproxy.io/docs/envoy/v1.37.0/intro/arch_overview/advanced/attributes */
const orElse = (attribute: string, absent: string) => cel(`has(${attribute}) ? ${attribute} : '${absent}'`);
const ofNode = (name: string) => cel(`xds.node.metadata['${name}']`);
const ofLabel = (name: string) =>
  cel(`'${name}' in xds.node.metadata['LABELS'] ? xds.node.metadata['LABELS']['${name}'] : ''`);
/** Of the Service that istiod names in the cluster's metadata; `absent` where a request came to no cluster. */
const ofService = (field: string, absent: string) =>
  cel(
    `has(xds.cluster_metadata) ? xds.cluster_metadata.filter_metadata['istio']['services'][0]['${field}'] : ${absent}`,
  );

/** What a proxy says of its own workload, which is the source or the destination. */
const own = (side: "source" | "destination"): Tags => ({
  [`${side}_workload`]: ofNode("WORKLOAD_NAME"),
  [`${side}_workload_namespace`]: ofNode("NAMESPACE"),
  [`${side}_app`]: ofLabel("app"),
  [`${side}_version`]: ofLabel("version"),
  [`${side}_canonical_service`]: ofLabel("service.istio.io/canonical-name"),
  [`${side}_canonical_revision`]: ofLabel("service.istio.io/canonical-revision"),
  [`${side}_cluster`]: ofNode("CLUSTER_ID"),
});

const request: Tags = {
  request_protocol: cel(
    "'content-type' in request.headers && request.headers['content-type'].startsWith('application/grpc') ? 'grpc' : 'http'",
  ),
  response_code: "%RESPONSE_CODE%",
  grpc_response_status: "%GRPC_STATUS_NUMBER%",
  response_flags: "%RESPONSE_FLAGS%",
  destination_service: ofService("host", "request.host"),
  destination_service_name: ofService("name", "request.host"),
};

/**
 * `destination_workload` is istiod's note on the endpoint, "workload;namespace;canonical service;canonical
 * revision;cluster": CEL cannot split it, so Prometheus does (`ofEndpoint`).
 */
const fromSource: Tags = {
  reporter: "source",
  ...own("source"),
  source_principal: orElse("upstream.uri_san_local_certificate", "unknown"),
  destination_workload: cel(
    "has(xds.upstream_host_metadata) ? xds.upstream_host_metadata.filter_metadata['istio']['workload'] : 'unknown'",
  ),
  destination_principal: orElse("upstream.uri_san_peer_certificate", "unknown"),
  destination_app: "unknown",
  destination_version: "unknown",
  destination_service_namespace: ofService("namespace", "'unknown'"),
  connection_security_policy: "unknown",
  ...request,
};

/** Without the exchange of metadata a sidecar knows of its caller what the certificate says. */
const fromDestination: Tags = {
  reporter: "destination",
  source_workload: "unknown",
  source_principal: orElse("connection.uri_san_peer_certificate", "unknown"),
  source_app: "unknown",
  source_version: "unknown",
  source_canonical_service: "unknown",
  source_canonical_revision: "latest",
  source_cluster: "unknown",
  ...own("destination"),
  destination_principal: orElse("connection.uri_san_local_certificate", "unknown"),
  destination_service_namespace: ofNode("NAMESPACE"),
  connection_security_policy: cel("connection.mtls ? 'mutual_tls' : 'none'"),
  ...request,
};

const typed = (type: string, value: object) => ({
  "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
  type_url: `type.googleapis.com/envoy.extensions.${type}`,
  value,
});

function statsLogger(tags: Tags): object {
  const stat = (name: string) => ({
    name,
    tags: Object.entries(tags).map(([tag, format]) => ({ name: tag, value_format: format })),
  });
  const duration = {
    stat: stat("istio_request_duration_milliseconds"),
    unit: "Milliseconds",
    value_format: "%DURATION%",
  };
  return {
    name: "envoy.access_loggers.stats",
    typed_config: typed("access_loggers.stats.v3.Config", {
      stat_prefix: statNamespace,
      counters: [{ stat: stat("istio_requests_total"), value_fixed: 1 }],
      histograms: [duration],
    }),
  };
}

/** Logs nothing; that it is there registers `wasmcustom` for the whole process. */
const nameRegistrar = {
  name: "envoy.access_loggers.wasm",
  typed_config: typed("access_loggers.wasm.v3.WasmAccessLog", {
    config: {
      name: "names",
      vm_config: { runtime: "envoy.wasm.runtime.v8", code: { local: { inline_bytes: emptyModule } } },
    },
  }),
};

const patch = (context: string, loggers: readonly object[]) => ({
  applyTo: "NETWORK_FILTER",
  match: { context, listener: { filterChain: { filter: { name: "envoy.filters.network.http_connection_manager" } } } },
  patch: {
    operation: "MERGE",
    value: {
      typed_config: {
        "@type":
          "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        access_log: loggers,
      },
    },
  },
});

/** For every proxy of every revision: it counts requests from then on. Every sidecar has a listener for what comes in. */
export const requestMetrics = {
  apiVersion: "networking.istio.io/v1alpha3",
  kind: "EnvoyFilter",
  metadata: { name: "request-metrics", namespace: "istio-system" },
  spec: {
    configPatches: [
      patch("SIDECAR_INBOUND", [statsLogger(fromDestination), nameRegistrar]),
      patch("SIDECAR_OUTBOUND", [statsLogger(fromSource)]),
      patch("GATEWAY", [statsLogger(fromSource), nameRegistrar]),
    ],
  },
};

const endpoint = ["destination_workload_namespace", "destination_canonical_service", "destination_canonical_revision"];

/** What Prometheus does with each sample, so that the labels are Istio's. */
export const metricRelabelling: readonly object[] = [
  ...[...endpoint, "destination_cluster", "destination_workload"].map((label, index, all) => ({
    source_labels: ["destination_workload"],
    regex: "([^;]*);([^;]*);([^;]*);([^;]*);([^;]*)",
    target_label: label,
    replacement: `$\{${index === all.length - 1 ? 1 : index + 2}}`,
  })),
  {
    source_labels: ["reporter", "destination_canonical_revision"],
    regex: "source;",
    target_label: "destination_canonical_revision",
    replacement: "latest",
  },
  {
    source_labels: ["reporter", "source_principal"],
    regex: "destination;spiffe://[^/]+/ns/([^/]+)/.*",
    target_label: "source_workload_namespace",
  },
];
