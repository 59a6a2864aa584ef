/** Two webhooks that select the same pods, as an aborted install or a later `helm upgrade` leaves them. */
import type { LabelSelector } from "../../../mesh/kubernetes.ts";
import type { Injector } from "../../../mesh/model.ts";
import { counted } from "../../../mesh/phrase.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { type Check, type Observation, warning } from "../check.ts";

/**
 * Where two configurations have an entry with the same selectors, the API server calls both, by the order of their
 * names, and the last has the last word. `one-injector` and `several-injectors` say that a namespace is injected twice;
 * this says which configuration can go without a pod coming up without a sidecar, also where no namespace is selected yet.
 * Source: istioctl/pkg/tag/generate.go, `DeactivateIstioInjectionWebhook` (istioctl/pkg/tag/util.go).
 */
export const overlappingInjectors: Check<PreflightFacts> = {
  id: "overlapping-injectors",
  title: "no two webhooks select the same pods",
  severity: "warning",
  category: "injection",
  run: ({ mesh }) => {
    const configurations = [
      ...Map.groupBy(
        mesh.injectors.filter(({ deactivated }) => !deactivated),
        ({ configuration }) => configuration,
      ).values(),
    ];
    return configurations.flatMap((first, index) =>
      configurations.slice(index + 1).flatMap((last) => judge(first, last)),
    );
  },
};

/** `first` is called before `last`: injectors are in the order in which the API server calls them. */
const judge = (first: readonly Injector[], last: readonly Injector[]): readonly Observation[] => {
  const [earlier, later] = [first[0], last[0]];
  const keys = new Set(last.map(keyOf));
  const shared = first.filter((injector) => keys.has(keyOf(injector)));
  if (earlier === undefined || later === undefined || shared.length === 0) return [];
  const message = `it selects the same pods as ${later.configuration} (${counted(shared.length, "entry").replace("entrys", "entries")}): both are called for each, and ${later.configuration} (revision ${later.revision}) has the last word`;
  return [
    warning(
      `MutatingWebhookConfiguration/${earlier.configuration}`,
      message,
      remedyOf(earlier, later, shared.length === first.length),
    ),
  ];
};

/** Keeps what injects today, so that no pod changes its revision by the remedy alone. */
const remedyOf = (earlier: Injector, later: Injector, covered: boolean): string => {
  const tags = new Set([earlier, later].flatMap(({ tag }) => tag ?? []));
  if (tags.has("default") && (earlier.tag === undefined || later.tag === undefined))
    return `istioctl tag set default --revision ${later.revision} --overwrite (the tag's webhook stays, the un-revisioned one is deactivated; a later 'helm upgrade' of its release activates it again)`;
  const [only] = tags;
  if (only !== undefined && earlier.tag !== undefined && later.tag === undefined)
    return `istioctl tag remove ${only} (${later.configuration} injects the same pods, as it does today)`;
  return covered
    ? `kubectl delete mutatingwebhookconfiguration ${earlier.configuration} (${later.configuration} selects all its pods, and has the last word today)`
    : "take away the installation that is no longer used: 'istioctl analyze -A' names both (IST0139)";
};

/** Equal for entries that select the same pods in other words: requirements in another order. */
const keyOf = ({ entry }: Injector): string =>
  JSON.stringify([entry.namespaceSelector, entry.objectSelector].map(requirementsOf));

const requirementsOf = (selector: LabelSelector | undefined): readonly string[] =>
  [
    ...Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key} In ${value}`),
    ...(selector?.matchExpressions ?? []).map(
      ({ key, operator, values = [] }) => `${key} ${operator} ${values.toSorted().join(",")}`,
    ),
  ].toSorted();
