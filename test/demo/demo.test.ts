/**
 * `npm run demo` as a person at a pipe sees it, its ends by signal, and that it leaves nothing behind. The plugins run
 * from source here.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, suite, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { executableName, pluginNames } from "../../scripts/plugins.ts";

const home = mkdtempSync(join(tmpdir(), "kubectl-mesh-test-"));
after(() => rmSync(home, { recursive: true }));

const script = (file: string, text: string): void => {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
};
const plugins = join(home, "plugins");
for (const plugin of pluginNames())
  script(join(plugins, executableName(plugin)), `exec '${process.execPath}' '${resolve("plugins", plugin)}.ts' "$@"`);
/** What kubectl does with a word that it does not know. */
script(
  join(home, "with-kubectl", "kubectl"),
  `name=kubectl-mesh_\${1#mesh-}; shift; echo "by kubectl" >&2; exec "$name" "$@"`,
);

/** Where Node keeps what it has compiled, where `npm test` names a place: the plugins run from source, many times. */
const compileCache = process.env.NODE_COMPILE_CACHE;
const compiled = compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache };

interface Demo extends AsyncDisposable {
  readonly child: ChildProcess;
  said(): string;
  /** Until it has said so. */
  until(text: string): Promise<void>;
  /** Its exit code, and what is in its temporary folder afterwards. */
  end(): Promise<{ readonly code: number | null; readonly left: readonly string[] }>;
}

let demos = 0;
function demo(args: readonly string[], path = "/nowhere"): Demo {
  const temp = join(home, `temp-${++demos}`);
  mkdirSync(temp);
  const env = {
    ...{ PATH: path, HOME: temp, TMPDIR: temp, MESH_PLUGINS: plugins, HTTPS_PROXY: "http://127.0.0.1:1" },
    ...compiled,
  };
  const child = spawn(process.execPath, ["scripts/demo.ts", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += text));
  const ended = once(child, "close");
  return {
    child,
    said: () => said,
    until: async (text) => {
      while (!said.includes(text)) {
        if (child.exitCode !== null) assert.fail(`ended with ${child.exitCode} before ${text}:\n${said}`);
        await setTimeout(20);
      }
    },
    end: async () => ({ code: (await ended)[0], left: readdirSync(temp) }),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** One workload, that is moved at once; its pods on the new revision live as `life` says. */
function cluster(life: string, kind = "Deployment", replicas = 2): string {
  const file = join(home, `${kind}-${life}.yaml`);
  writeFileSync(
    file,
    `apiVersion: v1
kind: Namespace
metadata: { name: production, labels: { istio-injection: enabled } }
---
apiVersion: apps/v1
kind: ${kind}
metadata: { name: web, namespace: production }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web, life: ${life} }, annotations: { life/on-revision: 1-20 } }
    spec: { containers: [{ name: app, image: "registry.example/app:1" }] }
`,
  );
  return file;
}
const well = cluster("well");

suite("npm run demo", { concurrency: true, timeout: 240_000 }, () => {
  test("it shows the mesh, moves the namespace, shows the mesh again, what a rollback would do, and removes the old control plane", async () => {
    const began = performance.now();
    await using shown = demo(["--cluster", well]);
    await shown.until("Booting");
    assert.ok(performance.now() - began < 5_000, "the first words come within five seconds");
    const { code, left } = await shown.end();
    assert.equal(code, 0, shown.said());
    assert.deepEqual(left, []);
    const order = [
      "There is no kubectl on PATH",
      "$ kubectl-mesh_revisions",
      "default (2)",
      "$ kubectl-mesh_migrate -n production --to 1-20",
    ];
    const then = ["moved 1 workload (2 pods) of production to revision 1-20", "1-20 (2)"];
    const back = ["$ kubectl-mesh_rollback -n production --dry-run=client", "would restart 1 workload (2 pods)"];
    const end = ["$ kubectl-mesh_migrate --tag default", "$ kubectl-mesh_cleanup", "revision default is removed"];
    const places = [...order, ...then, ...back, "$ kubectl-mesh_rollback --list", "WAY BACK", ...end].map((text) =>
      shown.said().indexOf(text),
    );
    assert.deepEqual(
      places,
      places.toSorted((one, other) => one - other),
      shown.said(),
    );
    assert.ok(places[0]! >= 0, shown.said());
  });

  test("kubectl runs the plugins where there is one; --keep leaves a mesh that kubectl would reach, until a signal", async () => {
    await using shown = demo(["--keep", "--cluster", well], join(home, "with-kubectl"));
    await shown.until("export KUBECONFIG=");
    assert.match(shown.said(), /\/with-kubectl\/kubectl finds the plugins on PATH/);
    assert.match(shown.said(), /\$ kubectl mesh-migrate -n production --to 1-20\nby kubectl\n/);
    const [, kubeconfig = "", path = ""] = /^export KUBECONFIG=(\S+) PATH=(\S+):\$PATH$/m.exec(shown.said()) ?? [];
    assert.equal(path, plugins);
    assert.equal(JSON.parse(readFileSync(kubeconfig, "utf8"))["current-context"], "embedded");
    const again = spawn(join(path, "kubectl-mesh_revisions"), ["-o", "name"], {
      env: { KUBECONFIG: kubeconfig },
      stdio: "ignore",
    });
    assert.deepEqual(await once(again, "exit"), [0, null]);
    shown.child.kill("SIGINT");
    assert.deepEqual(await shown.end(), { code: 0, left: [] });
  });

  test("what fails ends the demo, with its exit code", async () => {
    await using shown = demo(["--cluster", cluster("well", "StatefulSet", 1)]);
    const { code, left } = await shown.end();
    assert.equal(code, 3, shown.said());
    assert.deepEqual(left, []);
    assert.match(shown.said(), /^not yet: 1 blocker/m);
    assert.equal(shown.said().split("$ kubectl-mesh_revisions").length, 2, "nothing is shown after it");
  });

  test("a signal ends it cleanly, whatever it is at", async () => {
    await using booting = demo(["--cluster", well]);
    await booting.until("Booting");
    booting.child.kill("SIGTERM");
    assert.deepEqual(await booting.end(), { code: 143, left: [] });

    await using moving = demo(["--cluster", cluster("never-ready")]);
    await moving.until("not ready yet");
    moving.child.kill("SIGINT");
    assert.deepEqual(await moving.end(), { code: 130, left: [] }, moving.said());
  });

  test("what cannot be used is said in a sentence", async () => {
    for (const [args, says] of [
      [["--keeep"], /^demo: Unknown option '--keeep'/],
      [["--cluster", "none.yaml"], /^demo: ENOENT: .*none\.yaml/],
    ] as const) {
      await using shown = demo(args);
      assert.equal((await shown.end()).code, 1);
      assert.match(shown.said(), says);
      assert.doesNotMatch(shown.said(), /\n\s+at /);
    }
  });
});
