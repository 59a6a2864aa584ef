/**
 * Krew's manifests, one for each plugin, written from krew-manifest.yaml:
 * https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/
 */
import { readFileSync } from "node:fs";
import { dump, load } from "js-yaml";
import manifest from "../../package.json" with { type: "json" };
import { executableName } from "../plugins.ts";
import type { Platform } from "./platforms.ts";

const { homepage } = manifest;

/** The contents of krew-manifest.yaml. */
export interface Source {
  /** That of package.json. */
  readonly homepage: string;
  /** With `{homepage}`, `{version}` and `{archive}`. */
  readonly uri: string;
  /** With `{plugin}`. */
  readonly caveats: string;
  readonly plugins: Readonly<Record<string, { readonly shortDescription: string; readonly description: string }>>;
}

export interface Archive {
  readonly platform: Platform;
  readonly name: string;
  /** In hex. */
  readonly sha256: string;
  /** The names of its files. */
  readonly files: readonly string[];
}

export const readSource = (): Source => ({
  ...(load(readFileSync("krew-manifest.yaml", "utf8")) as Omit<Source, "homepage">),
  homepage,
});

/**
 * Throws if krew-manifest.yaml and plugins/ do not match, or if a text does not have the form that Krew's index
 * demands.
 */
export const checkSource = ({ plugins }: Source, names: readonly string[]): void => {
  const described = Object.keys(plugins).sort();
  if (described.join() !== [...names].sort().join())
    throw new Error(
      `krew-manifest.yaml describes ${described.join(", ")}, and plugins/ has ${[...names].sort().join(", ")}`,
    );
  for (const [name, { shortDescription, description }] of Object.entries(plugins)) {
    if (shortDescription.length > 50 || /[\n.]/.test(shortDescription))
      throw new Error(`${name}: a short description has at most 50 letters, and no full stop`);
    const long = description.split("\n").find((line) => line.length > 80);
    if (long !== undefined) throw new Error(`${name}: descriptions are wrapped at 80 letters: ${long}`);
  }
};

/** The manifest of one plugin. `version` is that of package.json, without `v`. */
export const krewManifest = (source: Source, plugin: string, version: string, archives: readonly Archive[]): string => {
  const texts = Object.hasOwn(source.plugins, plugin) ? source.plugins[plugin] : undefined;
  if (texts === undefined) throw new Error(`krew-manifest.yaml does not describe ${plugin}`);
  return dump(
    {
      apiVersion: "krew.googlecontainertools.github.com/v1alpha2",
      kind: "Plugin",
      metadata: { name: plugin },
      spec: {
        version: `v${version}`,
        homepage: source.homepage,
        shortDescription: texts.shortDescription,
        description: texts.description,
        caveats: source.caveats.replaceAll("{plugin}", plugin),
        platforms: archives.map(({ platform: { os, arch, suffix }, name, sha256, files }) => ({
          selector: { matchLabels: { os, arch } },
          uri: source.uri
            .replaceAll("{homepage}", source.homepage)
            .replaceAll("{version}", version)
            .replaceAll("{archive}", name),
          sha256,
          bin: `${executableName(plugin)}${suffix}`,
          files: files.map((from) => ({ from, to: "." })),
        })),
      },
    },
    { lineWidth: -1 },
  );
};
