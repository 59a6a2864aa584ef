/**
 * `npm run demo`: starts the embedded mesh (test/embedded), and moves one of its namespaces from one control plane to
 * the next, as a user would. On a terminal it waits before each command. With `-- --keep` the mesh stays up until
 * Ctrl-C; `-- --cluster FILE` reads other YAML, which must have a namespace `production`. Its exit code is that of the
 * first command that fails.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { delimiter } from "node:path";
import { parseArgs } from "node:util";
import type { EmbeddedMesh } from "../test/embedded/mesh.ts";
import type { Json } from "../test/embedded/object.ts";
import { type Caller, callerOn } from "./demo/commands.ts";
import { pluginFolder, whyBuild } from "./demo/executables.ts";
import { exitCodeOf, openStage, type Stage } from "./demo/stage.ts";

const revisions = { default: "1.19.0", "1-20": "1.20.0" } as const;

const steps = [
  { says: "Who is on which control plane?", words: ["mesh-revisions"] },
  {
    says: "May I start? Everything that a migration would refuse, and what else speaks against it.",
    words: ["mesh-preflight", "--to", "1-20", "-o", "short"],
  },
  {
    says: "Move a namespace, without downtime, and prove it pod by pod.",
    words: ["mesh-migrate", "-n", "production", "--to", "1-20"],
  },
  { says: "And now?", words: ["mesh-revisions"] },
  { says: "What would the way back do?", words: ["mesh-rollback", "-n", "production", "--dry-run=client"] },
  { says: "What has been done here?", words: ["mesh-rollback", "--list"] },
  {
    says: "Move all other namespaces, and then the default, which is the last thing that the old one is needed for.",
    words: ["mesh-migrate", "-A", "--from", "default", "--to", "1-20"],
  },
  { says: "", words: ["mesh-migrate", "--tag", "default", "--to", "1-20"] },
  {
    says: "Remove the old control plane: proven unused, watched without its injector, and everything is kept.",
    words: [
      ...["mesh-cleanup", "--revision", "default", "--soak", "0s", "--reason", "demo"],
      ...["--drain", "1s", "--yes"],
    ],
  },
  { says: "And at the end?", words: ["mesh-revisions"] },
] as const;

async function main(stage: Stage): Promise<number> {
  const options = {
    keep: { type: "boolean", default: false },
    cluster: { type: "string", default: "test/clusters/demo.yaml" },
  } as const;
  const { keep, cluster } = parseArgs({ options }).values;
  const manifests = readFileSync(cluster, "utf8");
  const building = build(stage);
  const began = performance.now();
  stage.say(`Booting a mesh in this process: Istio ${Object.values(revisions).join(" and ")}, filled from ${cluster}.`);
  const [{ bootMesh }, { objectsOf }] = await Promise.all([
    import("../test/embedded/mesh.ts"),
    import("../test/embedded/seed.ts"),
  ]);
  await using mesh = await bootMesh({ revisions, manifests, time: "real" });
  // Its pods take their time to become ready, in which the executables are built.
  const up = ready(mesh, objectsOf(manifests)).then(() => performance.now() - began);
  const [took, built] = await Promise.all([Promise.race([up, stop(stage)]), building]);
  if (stage.stopped.aborted) return exitCodeOf(stage.stopped.reason);
  if (built !== 0) return built;
  const caller = callerOn(process.env.PATH ?? "");
  stage.say(`It is up after ${((took ?? 0) / 1000).toFixed(1)} s. ${caller.says}`);
  const code = await play(stage, mesh, caller);
  if (!keep || stage.stopped.aborted) return code;
  stage.say(
    `\nThe mesh stays until Ctrl-C. In another terminal:\n\nexport KUBECONFIG=${mesh.kubeconfig} PATH=${pluginFolder()}:$PATH`,
  );
  await stop(stage);
  return code;
}

/** Builds the executables that are played, where they are not up to date. The exit code of the build. */
async function build(stage: Stage): Promise<number> {
  const plugins = [...new Set(steps.map(({ words: [plugin] }) => plugin))];
  const why = whyBuild(plugins);
  if (why === undefined) return 0;
  stage.say(`Building them first: ${why}.`);
  return stage.run([process.execPath, "scripts/build.ts", ...plugins], process.env);
}

/** The exit code of the first command that failed, which is the last one that ran; else 0. */
async function play(stage: Stage, { kubeconfig }: EmbeddedMesh, caller: Caller): Promise<number> {
  // No istioctl is run after the removal: its analysis is for real meshes.
  const env = {
    ...process.env,
    ISTIOCTL: "",
    KUBECONFIG: kubeconfig,
    PATH: `${pluginFolder()}${delimiter}${process.env.PATH}`,
  };
  for (const { says, words } of steps) {
    stage.say(says === "" ? "" : `\n# ${says}`);
    const code = await stage.show(caller.command(words), env);
    if (code !== 0) return code;
  }
  return 0;
}

async function ready(mesh: EmbeddedMesh, objects: readonly Json[]): Promise<void> {
  const namespaces = objects.filter(({ kind }) => kind === "Namespace");
  await Promise.all(namespaces.map(({ metadata }) => mesh.waitReady(metadata.name)));
}

const stop = async ({ stopped }: Stage): Promise<void> => void (stopped.aborted || (await once(stopped, "abort")));

try {
  process.exit(await main(openStage()));
} catch (error) {
  console.error(`demo: ${(error as Error).message}`);
  process.exit(1);
}
