/** What the parts of a bed with traffic agree on: a Kubernetes with one real node, in namespaces of its own. */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

/** What boots in the namespaces. */
export interface BedOptions {
  /** The mesh's folder. */
  readonly dir: string;
  /** Where the API server listens: the same number as outside, so that one kubeconfig leads there from both. */
  readonly port: number;
  /** Archives of the images that pods run in. */
  readonly images: readonly string[];
  /** Simulated nodes beside the real one. */
  readonly kwokNodes: number;
}

/** The node's address and name. Nothing of a bed is fixed outside of it: each has a network of its own. */
export const nodeAddress = "172.30.0.1";
export const nodeName = "real-node";

/** The cgroup that all pods of a bed are in, by the mesh's folder. */
export const cgroupOf = (dir: string): string =>
  `kubectl-mesh-${createHash("sha256").update(dir).digest("hex").slice(0, 12)}`;

/** The socket that leads to the API server, and the number of the namespaces' first process, as the machine has it. */
export const apiSocketOf = (dir: string): string => path.join(dir, "api.sock");
export const initFileOf = (dir: string): string => path.join(dir, "init.pid");

/** Command line that runs a command in a bed's namespaces. Throws where the bed is down. */
export function commandInside(dir: string, command: readonly string[]): readonly [string, ...string[]] {
  const init = fs.readFileSync(initFileOf(dir), "utf8").trim();
  return ["nsenter", "--target", init, "--net", "--mount", "--pid", "--", ...command];
}

const overlayfs = 0x794c7630; // OVERLAYFS_SUPER_MAGIC of linux/magic.h

/** Throws, saying what to do, on a machine that cannot have a bed with its folder below `parent`. */
export function assertBedPossible(parent: string): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    throw new Error("a mesh with traffic is real containers in namespaces of their own: it needs Linux, and root");
  if (/^\/(run|var\/(run|lib|log))(\/|$)/.test(parent) || fs.statfsSync(parent).type === overlayfs)
    throw new Error(
      `a mesh with traffic keeps its containers in ${parent}, which is on overlayfs or hidden from it: set TMPDIR to another`,
    );
  const programs = ["runc", "nft", "iptables", "ip", "unshare", "nsenter", "pgrep"];
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
  const missing = programs.filter((name) => !folders.some((folder) => fs.existsSync(path.join(folder, name))));
  if (missing.length === 0 && fs.existsSync("/usr/lib/cni/ptp")) return;
  throw new Error(
    "a mesh with traffic needs programs of Debian's: apt-get install runc containernetworking-plugins iptables nftables " +
      `iproute2 util-linux procps${missing.length > 0 ? ` (missing: ${missing.join(", ")})` : ""}`,
  );
}
