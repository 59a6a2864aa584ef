/** Do the old control plane and the target make one mesh: one root of trust, one trust domain, the same settings? */
import type { Injector, Mesh } from "../../../mesh/model.ts";
import { listed } from "../../../mesh/phrase.ts";
import { certificatesIn, decodedBundle } from "../../preflight/certificates.ts";
import type { NamedProvider, RevisionConfig } from "../../preflight/evidence/control-plane-evidence.ts";
import { listIn, meshIdOf, providerNames, textIn, trustDomainOf } from "../../preflight/mesh-settings.ts";
import { leftRevisions } from "../../preflight/planes.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { settingsThatDiffer } from "../../preflight/settings-differences.ts";
import { blocker, type Check, cannotTell, note, type Observation, warning } from "../check.ts";

/** The mesh config of the target, and with it each that it replaces; nothing where the target is not installed. */
const configPairs = (
  facts: PreflightFacts,
): readonly { readonly old: RevisionConfig; readonly target: RevisionConfig }[] => {
  const { meshConfigs } = facts.around.controlPlanes;
  const target = meshConfigs.find(({ revision }) => revision === facts.target.revision);
  if (!facts.installed || target === undefined) return [];
  const left = leftRevisions(facts);
  return meshConfigs.filter(({ revision }) => left.includes(revision)).map((old) => ({ old, target }));
};

/** The webhook entries that a revision's istiod writes its CA into: of its own configuration, else of its tags. */
const entriesOf = ({ injectors }: Mesh, revision: string): readonly Injector[] => {
  const all = injectors.filter((injector) => (injector.labelled ?? injector.revision) === revision);
  const own = all.filter(({ tag }) => tag === undefined);
  return own.length > 0 ? own : all;
};

const bundlesOf = (injectors: readonly Injector[]): readonly string[] => [
  ...new Set(injectors.flatMap(({ entry }) => entry.clientConfig.caBundle || [])),
];

const certificatesOf = (injectors: readonly Injector[]): readonly string[] => [
  ...new Set(bundlesOf(injectors).flatMap((bundle) => certificatesIn(decodedBundle(bundle)))),
];

const shares = (a: readonly string[], b: readonly string[]): boolean => a.some((each) => b.includes(each));

/**
 * All revisions have to share one root CA, else proxies of the two do not trust each other. istiod writes its root
 * certificates into the webhooks of its revision (istio/istio pkg/webhooks/webhookpatch.go), and into
 * ConfigMap `istio-ca-root-cert` of each namespace, by which a proxy knows its istiod
 * (pilot/pkg/serviceregistry/kube/controller/namespacecontroller.go).
 */
const rootOfTrust: Check<PreflightFacts> = {
  id: "root-of-trust",
  title: "the old control plane and the target have the same root certificates",
  severity: "blocker",
  category: "target",
  accepts: ["--skip"],
  run: (facts) => {
    const { mesh, target, around } = facts;
    const own = entriesOf(mesh, target.revision);
    if (!facts.installed || own.length === 0) return [];
    const [first] = own;
    const object = `MutatingWebhookConfiguration/${first?.configuration}`;
    const ours = certificatesOf(own);
    const missing = (revision: string): Observation =>
      cannotTell(
        object,
        `whether revision ${revision} and the target have the same root certificates cannot be told: a webhook of them has no CA bundle`,
        "wait until its istiod has written it; see 'istioctl proxy-config rootca-compare'",
        "--skip",
      );
    if (ours.length === 0) return leftRevisions(facts).slice(0, 1).map(missing);
    const others = leftRevisions(facts).flatMap((revision): readonly Observation[] => {
      const entries = entriesOf(mesh, revision);
      if (entries.length === 0) return [];
      const theirs = certificatesOf(entries);
      if (theirs.length === 0) return [missing(revision)];
      if (!shares(ours, theirs))
        return [
          blocker(
            object,
            `the root certificates of the target are not those of revision ${revision}: proxies of the two would refuse each other's connections`,
            "install the target with the same CA: the same Istio namespace, and the same secret cacerts or external CA",
            "--skip",
          ),
        ];
      if (ours.length !== theirs.length || !ours.every((each) => theirs.includes(each)))
        return [
          warning(
            object,
            `only a part of its root certificates is that of revision ${revision}: a root is being replaced`,
            "finish the replacement of the root certificate first",
          ),
        ];
      return [];
    });
    const given = certificatesIn(around.controlPlanes.rootCertificates ?? "");
    if (others.length > 0 || given.length === 0 || shares(ours, given)) return others;
    return [
      blocker(
        `${mesh.istioNamespace}/ConfigMap/istio-ca-root-cert`,
        "it has none of the target's root certificates: a proxy of the target would not trust its istiod",
        "find which istiod writes it: only control planes of one CA may run in one cluster",
        "--skip",
      ),
    ];
  },
};

/**
 * A proxy accepts peers of its own trust domain and of its aliases alone
 * (https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-trust_domain_aliases).
 */
const trustDomain: Check<PreflightFacts> = {
  id: "trust-domain",
  title: "the target has the trust domain of the control plane that it replaces",
  severity: "blocker",
  category: "target",
  accepts: ["--skip"],
  run: (facts) =>
    configPairs(facts).flatMap(({ old, target }) => {
      const [before, after] = [trustDomainOf(old.settings), trustDomainOf(target.settings)];
      const knows = ({ settings }: RevisionConfig, domain: string): boolean =>
        listIn(settings, "trustDomainAliases").includes(domain);
      if (before === after || (knows(target, before) && knows(old, after))) return [];
      const lacking = knows(target, before)
        ? `revision ${old.revision} does not list ${after}`
        : `the target does not list ${before}`;
      return [
        blocker(
          `ConfigMap ${target.configMap}`,
          `its trustDomain is ${after}, and that of revision ${old.revision} is ${before}; ${lacking} in trustDomainAliases: proxies of the two would refuse each other's connections`,
          `set trustDomain: ${before} in the target's mesh config, or list each domain in the other's trustDomainAliases`,
          "--skip",
        ),
      ];
    }),
};

const meshId: Check<PreflightFacts> = {
  id: "mesh-id",
  title: "the target has the mesh id of the control plane that it replaces",
  severity: "warning",
  category: "target",
  run: (facts) =>
    configPairs(facts).flatMap(({ old, target }) => {
      const [before, after] = [meshIdOf(old.settings), meshIdOf(target.settings)];
      if (before === after || trustDomainOf(old.settings) !== trustDomainOf(target.settings)) return [];
      return [
        warning(
          `ConfigMap ${target.configMap}`,
          `the mesh id of its proxies is ${after}, and that of revision ${old.revision} is ${before}: metrics and traces show two meshes`,
          `install the target with global.meshID=${before}`,
        ),
      ];
    }),
};

const differences: Check<PreflightFacts> = {
  id: "mesh-config-differences",
  title: "the target has the mesh config of the control plane that it replaces",
  severity: "warning",
  category: "target",
  run: (facts) =>
    configPairs(facts).flatMap(({ old, target }): readonly Observation[] => {
      const keys = settingsThatDiffer(old.settings, target.settings);
      const object = `ConfigMap ${target.configMap}`;
      const compare = `compare it with ConfigMap ${old.configMap}`;
      const lost = target.shared?.exists === false || (old.shared?.exists === true && target.shared === undefined);
      if (keys.length > 0 && lost && old.shared?.exists === true) {
        const what =
          target.shared === undefined
            ? `its istiod reads no second one, as that of revision ${old.revision} reads ${old.shared.configMap}`
            : `${target.shared.configMap} does not exist, which its istiod reads too`;
        return [
          warning(
            object,
            `${what}: these settings differ: ${listed(keys, 12)}`,
            `create it from ${old.shared.configMap}`,
          ),
        ];
      }
      return keys.length === 0
        ? []
        : [note(object, `it differs from that of revision ${old.revision} in ${listed(keys, 12)}`, compare)];
    }),
};

/**
 * istiod denies every request that a policy with a missing provider is about (istio/istio
 * pilot/pkg/security/authz/builder/builder.go); it ignores the provider of a Telemetry that is missing, whose names
 * are compared without case (pilot/pkg/model/telemetry.go `fetchProvider`).
 */
const providersExist: Check<PreflightFacts> = {
  id: "providers-exist",
  title: "the target has every provider that a policy names",
  severity: "blocker",
  category: "target",
  accepts: ["--skip"],
  run: (facts) => {
    const { meshConfigs, providers } = facts.around.controlPlanes;
    const target = meshConfigs.find(({ revision }) => revision === facts.target.revision);
    if (!facts.installed || target === undefined) return [];
    const left = leftRevisions(facts);
    const old = meshConfigs.filter(({ revision }) => left.includes(revision));
    const moving = new Set(facts.moves.map(({ namespace }) => namespace.name));
    const root = textIn(target.settings, "rootNamespace") ?? facts.mesh.istioNamespace;
    const missing = providers.filter(
      (named) =>
        (moving.has(named.namespace) || named.namespace === root) &&
        (named.revision === undefined || named.revision === facts.target.revision) &&
        !hasProvider(target, named),
    );
    return [...Map.groupBy(missing, ({ kind, provider }) => `${kind} ${provider}`).values()].flatMap(
      (group): readonly Observation[] => {
        const [first] = group;
        if (first === undefined) return [];
        const names = listed(group.map(({ namespace, name }) => `${namespace}/${name}`));
        const effect =
          first.kind === "Telemetry"
            ? "what it should send is lost"
            : "every request that the policy is about would be denied";
        const message = `it has no extensionProvider ${first.provider}, which ${first.kind} ${names} uses: ${effect}`;
        const remedy = `add it to extensionProviders of the target's mesh config`;
        const object = `ConfigMap ${target.configMap}`;
        return old.length > 0 && old.every((each) => !hasProvider(each, first))
          ? [warning(object, `${message}; the old control plane does not have it either`, remedy)]
          : [blocker(object, message, remedy, "--skip")];
      },
    );
  },
};

const hasProvider = ({ settings }: RevisionConfig, { kind, provider }: NamedProvider): boolean =>
  providerNames(settings).some((name) =>
    kind === "Telemetry" ? name.toLowerCase() === provider.toLowerCase() : name === provider,
  );

export const sameMeshChecks: readonly Check<PreflightFacts>[] = [
  rootOfTrust,
  trustDomain,
  meshId,
  differences,
  providersExist,
];
