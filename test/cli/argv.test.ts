import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../src/cli/flags/parse.ts";
import { runPlugin } from "../../src/cli/main.ts";
import { plugin } from "./mesh-example.ts";
import { memoryShell } from "./shell.ts";

const read = (argv: readonly string[]) => {
  const parsed = parse(plugin, argv);
  assert.equal(parsed.kind, "run");
  return parsed.kind === "run" ? parsed.args : assert.fail();
};

const right: readonly (readonly [argv: string, expected: Record<string, unknown>])[] = [
  ["--to 120", { to: "120" }],
  ["--to=120", { to: "120" }],
  ["--to 1e3", { to: "1e3" }],
  ["--to 0x10", { to: "0x10" }],
  ["--to true", { to: "true" }],
  ["--to 007", { to: "007" }],
  ["--to constructor", { to: "constructor" }],
  [`--to ${"a".repeat(63)}`, { to: "a".repeat(63) }],
  [
    "--to a",
    {
      namespace: [],
      allNamespaces: false,
      output: "table",
      v: 0,
      dryRun: "none",
      istioNamespace: "istio-system",
      leave: [],
      timeout: 600_000,
      parallel: 10,
    },
  ],
  ["--to a -n b", { namespace: ["b"] }],
  ["--to a -nb", { namespace: ["b"] }],
  ["--to a -n=b", { namespace: ["b"] }],
  ["--to a --namespace b", { namespace: ["b"] }],
  ["--to a --namespace=b", { namespace: ["b"] }],
  ["--to a -n b -n c,d --namespace b", { namespace: ["b", "c", "d"] }],
  ["--to a -n constructor,120,toString".toLowerCase(), { namespace: ["constructor", "120", "tostring"] }],
  ["--to a -A", { allNamespaces: true }],
  ["--to a -A -A", { allNamespaces: true }],
  ["--to a -Aojson", { allNamespaces: true, output: "json" }],
  ["--to a -An b", { allNamespaces: true, namespace: ["b"] }],
  ["--to a -A=false", { allNamespaces: false }],
  ["--to a -A --output json -n b", { allNamespaces: true, output: "json", namespace: ["b"] }],
  ["--to a -Av9", { allNamespaces: true, v: 9 }],
  ["--to a -v 6", { v: 6 }],
  ["--to a -v6", { v: 6 }],
  ["--to a --v=6", { v: 6 }],
  ["--to a --all-namespaces=false", { allNamespaces: false }],
  ["--to a --no-headers", { noHeaders: true }],
  ["--to a --no-headers=f", { noHeaders: false }],
  ["--to a -l app=web,tier!=cache", { selector: "app=web,tier!=cache" }],
  ["--to a -lapp=web", { selector: "app=web" }],
  ["--to a -l=app=web", { selector: "app=web" }],
  ["--to a --dry-run=server", { dryRun: "server" }],
  ["--to a --dry-run client", { dryRun: "client" }],
  ["--to a --leave Deployment/web --leave *", { leave: ["Deployment/web", "*"] }],
  ["--to a --leave b/Deployment/web,Job/*", { leave: ["b/Deployment/web", "Job/*"] }],
  ["--to a --timeout 1h30m", { timeout: 5_400_000 }],
  ["--to a --timeout 90", { timeout: 90_000 }],
  ["--to a --timeout 1.5s", { timeout: 1500 }],
  ["--to a --as x --as-group y --as-group z,w", { as: "x", asGroup: ["y", "z", "w"] }],
  ["--to a --token=-x", { token: "-x" }],
  ["--to a --token a=b=c", { token: "a=b=c" }],
  ["--to a --request-timeout 30s", { requestTimeout: "30s" }],
  ["--to a --insecure-skip-tls-verify", { insecureSkipTlsVerify: true }],
  ["--to a --", { to: "a" }],
];

for (const [argv, expected] of right)
  test(`reads ${argv.length > 60 ? `${argv.slice(0, 60)}…` : argv}`, () => {
    const args: Record<string, unknown> = read(argv.split(" "));
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(args[key], value, key);
  });

test("a value keeps its spaces, quotes, line ends and non-ASCII letters", () => {
  for (const text of ["a b", '"a"', "'a'", "a\nb", "é漢", "a.b.c", "__proto__"])
    assert.equal(read(["--to=a", `--token=${text}`]).token, text);
});

const wrong: readonly (readonly [argv: string, says: RegExp])[] = [
  ["", /^error: --to is missing/],
  ["--to", /^error: --to needs a value\n/],
  ["--to=", /^error: --to has an empty value/],
  ["--to  ", /^error: --to has an empty value/],
  ["--to -5", /^error: --to needs a value, and "-5" looks like the next flag/],
  ["--to a -n=", /^error: -n\/--namespace has an empty value/],
  ["--to a -A true", /^error: unexpected argument "true"/],
  ["--to a --n b", /^error: unknown flag --n\n/],
  ["--to -n production", /^error: --to needs a value, and "-n" looks like the next flag/],
  ["--to --dry-run=client", /^error: --to needs a value, and "--dry-run=client" looks like the next flag/],
  ["--to a --to b", /^error: --to is given twice: "a" and "b"/],
  ["--to a --to a", /^error: --to is given twice/],
  ["--to a -A --all-namespaces=false", /^error: -A\/--all-namespaces is given twice: "true" and "false"/],
  ["--to 1.20", /^error: --to: "1\.20" is not the name of a revision or tag.*\n {2}did you mean "1-20"\?/],
  ["--to Prod", /did you mean "prod"\?/],
  ["--to -", /^error: --to: "-" is not the name/],
  [`--to ${"a".repeat(64)}`, /is not the name of a revision or tag/],
  ["--to a-", /is not the name/],
  ["--to ../x", /is not the name/],
  ["--to a -n", /^error: -n\/--namespace needs a value/],
  ["--to a -n b,,c", /^error: -n\/--namespace: "" is not the name of a namespace/],
  ["--to a -n b,", /"" is not the name of a namespace/],
  ["--to a -n Production", /did you mean "production"\?/],
  ["--to a --nmaespace b", /^error: unknown flag --nmaespace\n {2}did you mean --namespace\?/],
  ["--to a --fieldManager b", /^error: unknown flag --fieldManager\n {2}did you mean --field-manager\?/],
  ["--to a --field_manager=b", /did you mean --field-manager\?/],
  ["--to a -namespace b", /^error: unknown flag -namespace\n {2}did you mean --namespace\?/],
  ["-to a", /did you mean --to\?/],
  ["--to a --zzz", /^error: unknown flag --zzz\nSee 'kubectl mesh-example --help'/],
  ["--to a --no-all-namespaces", /^error: unknown flag --no-all-namespaces/],
  ["--to a --__proto__=1", /^error: unknown flag --__proto__/],
  ["--to a --constructor b", /^error: unknown flag --constructor/],
  ["--to a --to.b c", /^error: unknown flag --to\.b/],
  ["--to a -x", /^error: unknown flag -x\n/],
  ["--to a -Ax", /^error: unknown flag -x in -Ax/],
  ["--to a --all-namespaces=maybe", /^error: -A\/--all-namespaces is on or off: "maybe" is neither/],
  ["--to a --dry-run", /^error: --dry-run needs a value\n {2}one of none, client, server/],
  ["--to a --dry-run -A", /^error: --dry-run needs a value, and "-A" looks/],
  ["--to a --dry-run=true", /^error: --dry-run cannot be "true"\n {2}one of none, client, server/],
  ["--to a -o xml", /^error: -o\/--output cannot be "xml"\n {2}one of table, wide, json, yaml, name/],
  ["--to a -v 10", /^error: -v: "10" is not a whole number from 0 to 9/],
  ["--to a -v x", /^error: -v: "x" is not a whole number/],
  ["--to a --parallel 0", /^error: --parallel: "0" is not a whole number from 1 to 1000/],
  ["--to a --parallel 1.5", /is not a whole number/],
  ["--to a --timeout soon", /^error: --timeout: "soon" is not a length of time\n {2}write for example 90s/],
  ["--to a --timeout=-1s", /is not a length of time/],
  ["--to a --request-timeout x", /^error: --request-timeout: "x" is not a length of time/],
  ["--to a --leave web", /^error: --leave: "web" does not name an object/],
  ["--to a --leave a/b/c/d", /does not name an object/],
  ["production --to a", /^error: unexpected argument "production"\n {2}what to act on is named by flags/],
  ["--to a -- production", /^error: unexpected argument "production"/],
  ["—to a", /^error: "—to" begins with a dash that is not "-"/],
];

for (const [argv, says] of wrong)
  test(`refuses ${argv === "" ? "nothing at all" : argv}`, async () => {
    const { shell, out, err } = memoryShell();
    assert.equal(await runPlugin(plugin, argv === "" ? [] : argv.split(" "), shell), 2);
    assert.match(err(), says);
    assert.equal(out(), "", "nothing was run");
  });
