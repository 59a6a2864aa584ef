/** The flags that several plugins share, in groups: a plugin's table spreads the groups it has. */
import { countOf, durationOf, kindsOf, nameOf, namesOf, objectsOf } from "./flag-values.ts";

/** On every plugin. `-v 6` traces each request, `-v 9` prints the stack of an error. */
export const commonFlags = {
  output: {
    alias: "o",
    type: "string",
    choices: ["table", "wide", "json", "yaml", "name"],
    default: "table",
    describe: "output format",
  },
  noHeaders: { type: "boolean", default: false, describe: "print no column headers" },
  istioNamespace: {
    alias: "i",
    type: "string",
    default: "istio-system",
    coerce: nameOf("a namespace"),
    completes: "namespace",
    describe: "namespace of the control planes",
  },
  v: { type: "string", default: "0", coerce: countOf(0, 9), describe: "how much to print on stderr, 0 to 9" },
} as const;

/** Which namespaces and objects. */
export const scopeFlags = {
  namespace: {
    alias: "n",
    type: "string",
    array: true,
    default: [],
    coerce: namesOf("a namespace"),
    completes: "namespace",
    describe: "namespace, may be given many times and takes commas",
  },
  allNamespaces: { alias: "A", type: "boolean", default: false, describe: "every namespace" },
  selector: { alias: "l", type: "string", describe: "label selector, such as app=web,tier!=cache" },
} as const;

/** On every plugin that writes to the cluster. */
export const writeFlags = {
  dryRun: {
    type: "string",
    choices: ["none", "client", "server"],
    default: "none",
    describe: "client prints the plan and stops, server also sends every write as a dry run",
  },
  fieldManager: {
    type: "string",
    describe: "field manager of our changes, by default the plugin's name",
  },
} as const;

/** What a person accepts by naming it: on every plugin that restarts workloads. */
export const acceptFlags = {
  leave: {
    type: "string",
    array: true,
    default: [],
    coerce: objectsOf,
    describe: "[NAMESPACE/]KIND/NAME that stays on the old revision, * works; may be given many times",
  },
  allowDowntime: {
    type: "string",
    array: true,
    default: [],
    coerce: objectsOf,
    describe: "[NAMESPACE/]KIND/NAME that may be down while it moves, * works; may be given many times",
  },
} as const;

/** By what arrival is proven: on every plugin that restarts workloads. */
export const proofFlags = {
  proof: {
    type: "string",
    choices: ["connections", "pods"],
    default: "connections",
    describe:
      "by what each pod is proven: pods takes less where istiods cannot be asked which proxies they hold (external, managed, debug endpoints off)",
  },
} as const;

/** What a person says of the owners of workloads and pods. */
export const ownerFlags = {
  restartOwned: {
    type: "string",
    array: true,
    default: [],
    coerce: objectsOf,
    describe: "[NAMESPACE/]KIND/NAME to restart although an operator owns it, * works; may be given many times",
  },
  endsByItself: {
    type: "string",
    array: true,
    default: [],
    coerce: kindsOf,
    describe: "KIND[.GROUP] whose pods end by themselves, as those of a Job do; may be given many times",
  },
  owners: { type: "string", describe: "file that says how further operators restart their pods (docs/owners.md)" },
} as const;

/** How fast it goes: on every plugin that restarts workloads. */
export const speedFlags = {
  parallel: {
    type: "string",
    default: "100",
    coerce: countOf(1, 10_000),
    describe: "pods in flight at once, over all workloads",
  },
  parallelNamespaces: {
    type: "string",
    default: "32",
    coerce: countOf(1, 1_000),
    describe: "namespaces in progress at once",
  },
  timeout: { type: "string", default: "2h", coerce: durationOf, describe: "for the whole run" },
  workloadTimeout: {
    type: "string",
    default: "10m",
    coerce: durationOf,
    describe: "how long one workload may stay without progress",
  },
} as const;
