/** A plugin that tells what it was asked, and fails as it is told to: what the shell is tested with. */

import { CannotTell, Refusal } from "../../src/cli/exit-errors.ts";
import { clusterFlags, clusterFlagsOf } from "../../src/cli/flags/cluster-flags.ts";
import { countOf, durationOf, nameOf, objectsOf } from "../../src/cli/flags/flag-values.ts";
import { commonFlags, scopeFlags, writeFlags } from "../../src/cli/flags/flags.ts";
import { main } from "../../src/cli/main.ts";
import { definePlugin } from "../../src/cli/plugin.ts";
import { interruptionOf } from "../../src/cli/signals.ts";
import { ClusterError } from "../../src/cluster/cluster-error.ts";
import { exit } from "../../src/mesh/exit-codes.ts";

export const plugin = definePlugin({
  name: "mesh-example",
  describe: "Show what was asked",
  changes: process.env.EXAMPLE_CHANGES === "yes",
  options: {
    to: {
      type: "string",
      demandOption: true,
      coerce: nameOf("a revision or tag"),
      describe: "revision or tag to go to",
    },
    leave: {
      type: "string",
      array: true,
      default: [],
      coerce: objectsOf,
      describe: "workload that stays, as [NAMESPACE/]KIND/NAME",
    },
    timeout: { type: "string", default: "10m", coerce: durationOf, describe: "how long the whole may take" },
    parallel: { type: "string", default: "10", coerce: countOf(1, 1000), describe: "pods in flight" },
    fail: { type: "string", hidden: true, describe: "how to end" },
    ...scopeFlags,
    ...writeFlags,
    ...commonFlags,
    ...clusterFlags,
  },
  examples: [
    ["kubectl mesh-example --to 1-20", "go to revision 1-20"],
    ["kubectl mesh-example --to 1-20 -n production", "the same for one namespace"],
  ],
  run: async (args, io) => {
    switch (args.fail) {
      case "cluster":
        throw new ClusterError("cannot reach the API server", { reason: "unreachable", hint: "is the cluster up?" });
      case "forbidden":
        throw new ClusterError("could not list pods", { reason: "forbidden", hint: "ask for the right to list pods" });
      case "refused":
        throw new Refusal("there is no revision 1-20", "kubectl mesh-revisions lists them");
      case "unseen":
        throw new CannotTell("istiod istio-system/istiod-a does not answer");
      case "bug":
        throw new TypeError("x is not a function");
      case "nothing":
        throw undefined;
      case "halfway":
        io.whenStopped(() => "half of it is done");
        throw new TypeError("x is not a function");
      case "abort":
        throw io.signal.reason;
      case "late":
        io.out('{"result":true}');
        throw new TypeError("x is not a function");
      case "lines":
        for (let i = 0; i < 20_000; i++) io.out(`line ${i} of a long list`);
        await new Promise((resolve) => setTimeout(resolve, 300));
        io.err("to the end");
        return exit.done;
      case "hang":
        // What keeps a process alive: an open server, a timer.
        setInterval(() => {}, 1000);
        io.out("x".repeat(200_000));
        return exit.notDone;
      case "stray":
        void Promise.reject(new Error("nobody waits for me"));
        await new Promise((resolve) => setTimeout(resolve, 1000));
        return exit.done;
      case "wait":
        io.whenStopped(() => "web is half done");
        io.err("ready");
        setInterval(() => {}, 1000);
        await new Promise((resolve) => io.signal.addEventListener("abort", resolve));
        io.err("step finished");
        if (process.env.EXAMPLE_STUBBORN === "yes") await new Promise(() => {});
        return interruptionOf(io.signal)?.code ?? exit.done;
    }
    io.trace(6, "a request was made");
    io.out(JSON.stringify({ ...args, cluster: clusterFlagsOf(args) }));
    return exit.done;
  },
});

if (import.meta.main) void main(plugin);
