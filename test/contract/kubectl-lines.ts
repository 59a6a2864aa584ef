/**
 * Command lines that a person types or copies, on the embedded mesh: of kubectl the few verbs that the tests use, asked
 * of the API as kubectl asks. On the real mesh a shell and kubectl itself run the same lines.
 */
import type { MeshUnderTest, Run } from "./mesh-under-test.ts";

type Runner = Pick<MeshUnderTest, "api" | "run" | "now">;

/** Runs the commands of a line in turn, until one fails. Throws for what it does not know. */
export async function runKubectlLine(runner: Runner, commandLine: string): Promise<Run> {
  let whole: Run = { code: 0, stdout: "", stderr: "", ms: 0 };
  for (const command of commandLine.split(" && ")) {
    const one = await runCommand(runner, wordsOf(command));
    whole = {
      code: one.code,
      stdout: whole.stdout + one.stdout,
      stderr: whole.stderr + one.stderr,
      ms: whole.ms + one.ms,
    };
    if (one.code !== 0) break;
  }
  return whole;
}

function wordsOf(command: string): readonly string[] {
  if (/["$`|<>;&\\]/.test(command.replaceAll(/'[^']*'/g, "")))
    throw new Error(`more than this double of a shell knows: ${command}`);
  return [...command.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ""));
}

async function runCommand(runner: Runner, [kubectl, plugin = "", ...args]: readonly string[]): Promise<Run> {
  if (kubectl !== "kubectl") throw new Error(`no command of kubectl: ${kubectl}`);
  if (plugin.startsWith("mesh-")) return runner.run(plugin, args);
  await runKubectl(runner, [plugin, ...args]);
  return { code: 0, stdout: "", stderr: "", ms: 0 };
}

const valued = new Set(["-n", "--replicas", "--type", "-p"]);

async function runKubectl({ api, now }: Runner, args: readonly string[]): Promise<void> {
  const flags = new Map<string, string>();
  const words: string[] = [];
  for (const [index, arg] of args.entries()) {
    const [flag = "", value] = arg.split(/=(.*)/s);
    if (valued.has(flag)) flags.set(flag, value ?? args[index + 1] ?? "");
    else if (!arg.startsWith("-") && !valued.has(args[index - 1] ?? "")) words.push(arg);
  }
  const [verb, ...rest] = words[0] === "rollout" ? [`rollout ${words[1]}`, ...words.slice(2)] : words;
  const isLabel = verb === "label";
  const paths = pathsOf(flags.get("-n") ?? "default", isLabel ? rest.slice(0, 2) : rest);
  const labels = rest
    .slice(2)
    .map((word) => (word.endsWith("-") ? [word.slice(0, -1), null] : word.split(/=(.*)/s, 2)));
  const stamp = { metadata: { annotations: { "kubectl.kubernetes.io/restartedAt": now().toISOString() } } };
  const acts: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
    label: (path) => api.merge(path, { metadata: { labels: Object.fromEntries(labels) } }),
    scale: (path) => api.merge(path, { spec: { replicas: Number(flags.get("--replicas")) } }),
    patch: (path) => api.merge(path, JSON.parse(flags.get("-p") ?? "")),
    delete: (path) => api.delete(path),
    "rollout pause": (path) => api.merge(path, { spec: { paused: true } }),
    "rollout restart": (path) => api.merge(path, { spec: { template: stamp } }),
  };
  const act = acts[verb ?? ""];
  if (!act) throw new Error(`kubectl ${verb} is none of the verbs of this double`);
  for (const path of paths) await act(path);
}

const folders: Readonly<Record<string, (namespace: string) => string>> = {
  namespace: () => "/api/v1/namespaces",
  pod: (namespace) => `/api/v1/namespaces/${namespace}/pods`,
  deployment: (namespace) => `/apis/apps/v1/namespaces/${namespace}/deployments`,
  statefulset: (namespace) => `/apis/apps/v1/namespaces/${namespace}/statefulsets`,
  daemonset: (namespace) => `/apis/apps/v1/namespaces/${namespace}/daemonsets`,
};

/** Of `KIND NAME…` or of `KIND/NAME…`. */
function pathsOf(namespace: string, words: readonly string[]): readonly string[] {
  const [kind = "", ...names] = words;
  const refs = kind.includes("/") ? words : names.map((name) => `${kind}/${name}`);
  return refs.map((ref) => {
    const [its = "", name] = ref.split("/");
    const folder = folders[its];
    if (!folder || !name) throw new Error(`kubectl: no object ${ref}`);
    return `${folder(namespace)}/${name}`;
  });
}
