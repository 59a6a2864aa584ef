/** Stops the istiods of a bed: processes in real pods, which the kubelet probes and starts again. */
import fs from "node:fs";
import type { Api, Json } from "../mesh/api.ts";
import type { Stop } from "../mesh/istiods.ts";

export interface BedIstiods {
  /** `unready`: killed as often as it is started. `frozen`: stopped by a signal, so its probe fails after a while. */
  stop(revision: string, how: Stop): Promise<void>;
  start(revision: string): Promise<void>;
}

/** Keeps those that are stopped so until `signal` aborts. */
export function followIstiods(api: Api, signal: AbortSignal): BedIstiods {
  const stopped = new Map<string, readonly string[]>();

  const podsOf = async (revision: string): Promise<readonly string[]> => {
    const selector = encodeURIComponent(`app=istiod,istio.io/rev=${revision}`);
    const { items } = await api.get(`/api/v1/namespaces/istio-system/pods?labelSelector=${selector}`);
    if (items.length === 0) throw new Error(`revision ${revision} has no istiod pod`);
    return items.map((pod: Json) => pod.metadata.uid);
  };
  const timer = setInterval(() => {
    for (const uids of stopped.values()) for (const pid of istiodsIn(uids)) signalTo(pid, "SIGKILL");
  }, 100);
  signal.addEventListener("abort", () => clearInterval(timer));

  return {
    async stop(revision, how) {
      if (how === "unnoticed")
        throw new Error("a real kubelet notices an istiod that is gone: not on a bed with traffic");
      const uids = await podsOf(revision);
      if (how === "unready") stopped.set(revision, uids);
      for (const pid of istiodsIn(uids)) signalTo(pid, how === "frozen" ? "SIGSTOP" : "SIGKILL");
    },
    async start(revision) {
      stopped.delete(revision);
      for (const pid of istiodsIn(await podsOf(revision))) signalTo(pid, "SIGCONT");
    },
  };
}

/** Numbers of the istiod processes in pods of these UIDs, told by their cgroup. */
function istiodsIn(uids: readonly string[]): readonly number[] {
  const pids = fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => isIstiodIn(pid, uids)).map(Number);
}

function isIstiodIn(pid: string, uids: readonly string[]): boolean {
  try {
    if (fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim() !== "pilot-discovery") return false;
    const cgroups = fs.readFileSync(`/proc/${pid}/cgroup`, "utf8");
    return uids.some((uid) => cgroups.includes(`/pod${uid}/`));
  } catch {
    return false; // it has ended meanwhile
  }
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
