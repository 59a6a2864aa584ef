/** The reasons why a release cannot be made from this tree. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const git = (argv: readonly string[]): { readonly status: number | null; readonly said: string } => {
  const { status, stdout, stderr } = spawnSync("git", argv, { encoding: "utf8" });
  return { status, said: (status === 0 ? stdout : stderr).trim() };
};

/**
 * Throws an error with the reason and the remedy. `version` is without `v`. The working folder must be the repository.
 */
export const refuseUnfit = (version: string, homepage: string): void => {
  const tree = git(["status", "--porcelain"]);
  if (tree.status !== 0) throw new Error(`a release is made from a commit, and git says: ${tree.said}`);
  if (tree.said !== "")
    throw new Error(`the tree differs from its commit: commit it, or use npm run release -- --snapshot\n${tree.said}`);
  const tagged = git(["rev-parse", "--verify", "--quiet", `refs/tags/v${version}^{commit}`]);
  const head = git(["rev-parse", "HEAD"]).said;
  if (tagged.status === 0 && tagged.said !== head)
    throw new Error(
      `v${version} is already released, from commit ${tagged.said.slice(0, 12)}: npm version, and a section of CHANGELOG.md`,
    );
  if (
    !readFileSync("CHANGELOG.md", "utf8")
      .split("\n")
      .some((line) => line.startsWith(`## ${version} `))
  )
    throw new Error(`CHANGELOG.md has no section "## ${version} (date)": say what is new`);
  if (homepage.includes("/OWNER/"))
    throw new Error(
      `package.json has no real homepage yet (${homepage}): npm pkg set homepage=https://github.com/…/kubectl-mesh`,
    );
};
