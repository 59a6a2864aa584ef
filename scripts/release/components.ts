/** The work of others in an archive: one list, from which the bill of materials and the licences are written. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { locked } from "./lock.ts";
import type { Platform } from "./platforms.ts";

export interface Component {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string;
  /** Package URL: https://github.com/package-url/purl-spec */
  readonly purl: string;
  /** The SHA-512 of the package in hex; undefined for a file of Debian. */
  readonly sha512?: string;
  /** The full texts of its license and notices. */
  readonly texts: readonly string[];
  /** The software that is compiled into it: name → version. */
  readonly within?: Readonly<Record<string, string>>;
}

/**
 * The components of one plugin's archive: the runtime, the files beside it, and the packages (`node_modules/js-yaml`)
 * of which the bundle contains something.
 */
export const componentsOf = (platform: Platform, packages: readonly string[]): readonly Component[] => [
  runtime(platform),
  ...(platform.os === "linux" ? [libatomic(platform)] : []),
  // A package of one version can be in two places.
  ...new Map(packages.map((path) => npm(path, textsIn(path))).map((component) => [component.purl, component])).values(),
];

const npm = (path: string, texts: readonly string[]): Component => {
  const { name, version, integrity, license } = locked(path);
  return {
    name,
    version,
    license,
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    sha512: Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex"),
    texts,
  };
};

/**
 * The runtimes of all platforms are the same release of Node; the texts and the list of its contents come from this
 * machine's.
 */
const runtime = ({ runtime }: Platform): Component => {
  const { node, modules, ...within } = process.versions;
  const path = `node_modules/${runtime}`;
  const { version } = locked(path);
  if (version !== node)
    throw new Error(`${runtime} is ${version}, and a release is made on ${node}: npm ci, and start by npm run release`);
  return {
    ...npm(path, [readFileSync(join(process.execPath, "../../LICENSE"), "utf8")]),
    within: Object.fromEntries(
      Object.entries(within).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
  };
};

const libatomic = ({ name }: Platform): Component => {
  const [version, from, arch] =
    name === "linux-x64"
      ? ["12.2.0-14+deb12u1", "libatomic1", "amd64"]
      : ["12.2.0-14cross1", "libatomic1-arm64-cross", "all"];
  return {
    name: "libatomic",
    version,
    license: "GPL-3.0-or-later WITH GCC-exception-3.1",
    purl: `pkg:deb/debian/${from}@${encodeURIComponent(version)}?arch=${arch}`,
    texts: [`/usr/share/doc/${from}/copyright`, "/usr/share/common-licenses/GPL-3"].map((file) =>
      readFileSync(file, "utf8"),
    ),
  };
};

const textsIn = (path: string): readonly string[] => {
  const files = readdirSync(path).filter((file) => /^((un)?licen[cs]e|copying|notice)/i.test(file));
  if (files.length === 0)
    throw new Error(`${path} has no file with its license: find out under which terms it may be passed on`);
  return files.sort().map((file) => readFileSync(join(path, file), "utf8"));
};

/** All texts, each below the names of its components. */
export const licencesText = (components: readonly Component[]): string => {
  const heads = new Map<string, string[]>();
  for (const { name, version, license, texts } of components)
    for (const text of texts) {
      const own = heads.get(text.trim()) ?? [];
      own.push(`${name} ${version} (${license})`);
      heads.set(text.trim(), own);
    }
  const line = "=".repeat(80);
  return `This archive contains the work of others, under these terms.\n\n${[...heads]
    .map(([text, names]) => `${line}\n${names.join("\n")}\n${line}\n\n${text}\n`)
    .join("\n")}`;
};
