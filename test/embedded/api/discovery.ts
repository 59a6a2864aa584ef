/** What clients ask to learn what there is: versions, groups, resources. */
import type { Json } from "../object.ts";
import type { Resource, Resources } from "./resources.ts";

const version = {
  ...{
    major: "1",
    minor: "36",
    gitVersion: "v1.36.3",
    gitCommit: "embedded",
    gitTreeState: "clean",
    buildDate: "2026-01-01T00:00:00Z",
  },
  ...{ goVersion: "go1.26", compiler: "gc", platform: "linux/amd64" },
};

/** The answer to a path of discovery; `undefined` where it is none. */
export function discover(resources: Resources, pathname: string): Json | undefined {
  const parts = pathname.split("/").filter((part) => part !== "");
  if (pathname === "/version") return version;
  if (pathname === "/api")
    return {
      kind: "APIVersions",
      versions: ["v1"],
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: "127.0.0.1" }],
    };
  if (pathname === "/apis") return groupList(resources);
  if (parts.length === 2 && parts[0] === "api") return resourceList(resources, "", parts[1] ?? "");
  if (parts.length === 3 && parts[0] === "apis") return resourceList(resources, parts[1] ?? "", parts[2] ?? "");
  if (parts.length === 2 && parts[0] === "apis") {
    const found = groupList(resources).groups.find(({ name }: Json) => name === parts[1]);
    return found && { kind: "APIGroup", apiVersion: "v1", ...found };
  }
  return undefined;
}

/** Groups in the order of the real server, by which `kubectl get all` goes; those of custom resources are last. */
const order = [
  ...[
    "apps",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
  ],
  ...["admissionregistration.k8s.io", "apiextensions.k8s.io", "coordination.k8s.io", "discovery.k8s.io"],
];
const rankOf = (group: string): number => (order.includes(group) ? order.indexOf(group) : order.length);

function groupList(resources: Resources): Json {
  const served = Map.groupBy(resources.all(), ({ group }) => group);
  served.set("authorization.k8s.io", []);
  served.delete("");
  const groups = [...served].toSorted(([a], [b]) => rankOf(a) - rankOf(b));
  return {
    kind: "APIGroupList",
    apiVersion: "v1",
    groups: groups.map(([name, inside]) => {
      const versions = [...new Set(inside.length > 0 ? inside.map((each) => each.version) : ["v1"])].map((each) => ({
        groupVersion: `${name}/${each}`,
        version: each,
      }));
      return { name, versions, preferredVersion: versions[0] };
    }),
  };
}

const reviews = ["SelfSubjectAccessReview", "SelfSubjectRulesReview"].map((kind) => ({
  ...{ name: `${kind.toLowerCase()}s`, singularName: kind.toLowerCase(), namespaced: false, kind, verbs: ["create"] },
}));

function resourceList(resources: Resources, group: string, of: string): Json | undefined {
  const inside = resources
    .all()
    .filter((each) => each.group === group && each.version === of)
    .toSorted((a, b) => (a.plural < b.plural ? -1 : 1));
  const listed = group === "authorization.k8s.io" && of === "v1" ? reviews : inside.flatMap(entriesOf);
  if (listed.length === 0) return undefined;
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: group === "" ? of : `${group}/${of}`,
    resources: listed,
  };
}

function entriesOf({
  plural,
  singular,
  namespaced,
  kind,
  shortNames,
  category,
  status,
  scale,
}: Resource): readonly Json[] {
  const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
  const sub = (name: string, of = kind, can = ["get", "patch", "update"]) => ({
    name: `${plural}/${name}`,
    singularName: "",
    namespaced,
    kind: of,
    verbs: can,
  });
  return [
    {
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs,
      ...(shortNames.length > 0 && { shortNames }),
      ...(category && { categories: [category] }),
    },
    ...(status ? [sub("status")] : []),
    ...(scale ? [{ ...sub("scale", "Scale"), group: "autoscaling", version: "v1" }] : []),
    ...(plural === "pods"
      ? [
          sub("log", "Pod", ["get"]),
          sub("portforward", "PodPortForwardOptions", ["create", "get"]),
          { ...sub("eviction", "Eviction", ["create"]), group: "policy", version: "v1" },
        ]
      : []),
  ];
}
