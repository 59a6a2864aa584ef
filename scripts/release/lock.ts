/** The entries of packages in package-lock.json. */
import lock from "../../package-lock.json" with { type: "json" };

export interface Locked {
  readonly name: string;
  readonly version: string;
  /** Checksum of the package's tarball: `sha512-` and base64. */
  readonly integrity: string;
  /** An SPDX expression. */
  readonly license: string;
}

const packages: ReadonlyMap<
  string,
  { readonly version?: string; readonly integrity?: string; readonly license?: string }
> = new Map(Object.entries(lock.packages));

/**
 * The entry of the package at a path such as `node_modules/js-yaml`. Throws if there is none, or if it is incomplete.
 */
export const locked = (path: string): Locked => {
  const { version, integrity, license } = packages.get(path) ?? {};
  if (version === undefined || integrity === undefined || license === undefined)
    throw new Error(`package-lock.json has no version, integrity or license of ${path}: npm install`);
  return { name: path.replace(/^.*node_modules\//, ""), version, integrity, license };
};
