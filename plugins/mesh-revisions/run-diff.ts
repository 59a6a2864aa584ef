/** What `kubectl mesh-revisions diff` does. */
import { CannotTell, Refusal, UsageError } from "../../src/cli/exit-errors.ts";
import { refuseBothScopes } from "../../src/cli/flags/scope.ts";
import type { Io } from "../../src/cli/io.ts";
import { withCluster } from "../../src/cli/with-cluster.ts";
import { readRevisionConfigs } from "../../src/gather/config/revision-configs.ts";
import { namespaceNames } from "../../src/gather/namespace-names.ts";
import { ignoringFailure } from "../../src/gather/optional-read.ts";
import { snapshot } from "../../src/gather/snapshot.ts";
import { compareSidecars } from "../../src/gather/trial/compare-sidecars.ts";
import { type ExitCode, exit } from "../../src/mesh/exit-codes.ts";
import { didYouMean } from "../../src/mesh/text/suggestion.ts";
import { resolveTarget } from "../../src/upgrade/plan/target.ts";
import { settingDifferences } from "../../src/upgrade/preflight/settings-differences.ts";
import { comparedWorkloads } from "../../src/upgrade/trial/compared-workloads.ts";
import { jsonView, yamlView } from "../../src/views/document.ts";
import { type SidecarDiff, sidecarDiffDocument, sidecarDiffView } from "../../src/views/sidecar-diff.ts";
import type { DiffArgs } from "./diff-flags.ts";

export const runDiff = async (args: DiffArgs, io: Io): Promise<ExitCode> => {
  refuseBothScopes(args);
  const { allNamespaces, namespace, istioNamespace } = args;
  if (!allNamespaces && namespace.length === 0)
    throw new UsageError("which namespaces?", "name them with -n, or take every one with -A");
  return withCluster("mesh-revisions", args, io, async (cluster) => {
    const namespaces = allNamespaces ? "all" : namespace;
    const mesh = await snapshot(cluster, { istioNamespace, namespaces, workloads: true, askIstiods: false });
    const missing = namespace.filter((name) => !mesh.namespaces.some((found) => found.name === name));
    if (missing.length > 0) {
      const known = await namespaceNames(cluster);
      throw new Refusal(missing.map((name) => `there is no namespace ${name}${didYouMean(name, known)}`).join("; "));
    }
    const resolved = resolveTarget(mesh, args.to);
    if (!resolved.ok) {
      const [first] = resolved.findings;
      throw new Refusal(`${first?.object}: ${first?.message}`, first?.remedy);
    }
    const { target } = resolved;
    const asked = comparedWorkloads(mesh, namespaces, target);
    const [comparisons, configs] = await Promise.all([
      compareSidecars(cluster, mesh, asked),
      readRevisionConfigs(cluster, mesh, ignoringFailure),
    ]);
    const settingsOf = (revision: string) => configs.find((each) => each.revision === revision)?.settings;
    const after = settingsOf(target.revision);
    const meshConfigs = [...new Set(asked.map(({ from }) => from))].map((from) => {
      const before = settingsOf(from);
      return { from, differences: before && after && settingDifferences(before, after) };
    });
    const reasons = comparisons.flatMap(({ unknown }) => unknown ?? []);
    const [unknown] = reasons.length === comparisons.length ? reasons : [];
    print({ target, comparisons, meshConfigs }, unknown === undefined ? exit.done : exit.cannotTell, args, io);
    if (unknown !== undefined) throw new CannotTell(`no sidecar could be compared: ${unknown}`);
    return exit.done;
  });
};

const print = (diff: SidecarDiff, code: ExitCode, { output, noHeaders }: DiffArgs, io: Io): void => {
  const document = sidecarDiffDocument(diff, code);
  if (output === "json") io.out(jsonView(document));
  else if (output === "yaml") io.out(yamlView(document));
  else io.out(sidecarDiffView(diff, { wide: output === "wide", noHeaders }));
};
