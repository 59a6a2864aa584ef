import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import { goBackCommand, goBackKubectlCommand, goOnCommand, shellWord } from "../../src/upgrade/commands.ts";
import { request } from "../fixtures/plan.ts";

const ref = (kind: string, name: string) => ({ kind, namespace: "production", name });
const was = { "istio-injection": "enabled", "istio.io/rev": null };

test("the rollback command names every namespace, with the user's flags, in words of a shell", () => {
  assert.equal(goBackCommand(["production"], []), "kubectl mesh-rollback -n production");
  assert.equal(
    goBackCommand(["one", "two"], ["--context", "my cluster", "--istio-namespace", "mesh"]),
    "kubectl mesh-rollback --context 'my cluster' --istio-namespace mesh -n one,two",
  );
  assert.equal(goBackCommand([], ["--context", "prod"]), undefined);
});

test("the rollback with kubectl alone is the line that a person would type", () => {
  const back = [{ namespace: "production", labels: was, restart: [ref("Deployment", "a"), ref("StatefulSet", "b")] }];
  assert.equal(
    goBackKubectlCommand(back, []),
    "kubectl label namespace production istio-injection=enabled istio.io/rev- --overwrite && kubectl -n production rollout restart deployment/a statefulset/b",
  );
});

test("the labels of all namespaces are restored before any restart, with the user's flags", () => {
  const back = ["one", "two"].map((namespace) => ({
    namespace,
    labels: { "istio-injection": null, "istio.io/rev": "1-19" },
    restart: [ref("DaemonSet", "d")],
  }));
  assert.equal(
    goBackKubectlCommand(back, ["--context", "my cluster"]),
    [
      "kubectl --context 'my cluster' label namespace one istio-injection- istio.io/rev=1-19 --overwrite",
      "kubectl --context 'my cluster' label namespace two istio-injection- istio.io/rev=1-19 --overwrite",
      "kubectl --context 'my cluster' -n one rollout restart daemonset/d",
      "kubectl --context 'my cluster' -n two rollout restart daemonset/d",
    ].join(" && "),
  );
});

test("an empty label is restored as empty; without namespaces there is no command", () => {
  assert.match(
    goBackKubectlCommand(
      [{ namespace: "n", labels: { "istio-injection": "", "istio.io/rev": null }, restart: [] }],
      [],
    ) ?? "",
    /istio-injection= istio.io\/rev- --overwrite$/,
  );
  assert.equal(goBackKubectlCommand([], []), undefined);
});

test("an Argo Rollout is restarted by a patch with the time of the command's run", () => {
  const command = goBackKubectlCommand([{ namespace: "n", labels: was, restart: [ref("Rollout", "shop")] }], []) ?? "";
  const patch = command.split(" && ").at(1) ?? "";
  assert.match(patch, /^kubectl -n n patch rollouts.argoproj.io shop --type merge -p /);
  const body = sh(`printf %s ${patch.slice(patch.indexOf("-p ") + 3)}`);
  assert.match(
    (JSON.parse(body) as { spec: { restartAt: string } }).spec.restartAt,
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  );
});

test("the command that continues repeats the request", () => {
  const full = request({
    to: "120",
    namespaces: ["one", "two"],
    selector: "app in (a,b)",
    leave: ["*/po/*"],
    allowDowntime: ["sts/db"],
    skipCheck: ["quota"],
    from: "1-19",
  });
  assert.equal(
    goOnCommand(full, ["--kubeconfig", "it's"], ["--leave", "deploy/web"]),
    `kubectl mesh-migrate --kubeconfig 'it'\\''s' -n one,two --to 120 --from 1-19 -l 'app in (a,b)' --leave '*/po/*' --allow-downtime sts/db --skip-check quota --leave deploy/web`,
  );
  assert.equal(goOnCommand(request({ namespaces: "all" }), []), "kubectl mesh-migrate -A --to 1-20");
});

test("a shell reads every quoted word unchanged", () => {
  const odd = ["", " ", "it's", "$HOME", "`id`", "a\nb", "*", "~", "!", "a&&b", "\\", '"', "#x", "ä"];
  assert.equal(sh(`printf '%s\\0' ${odd.map(shellWord).join(" ")}`), odd.map((word) => `${word}\0`).join(""));
});

const sh = (script: string): string => execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" });
