/** The lock of a run, against other takers, hostile Leases, lost answers, a server that is away and a machine that sleeps. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ClusterError } from "../../../src/cluster/cluster-error.ts";
import { kinds } from "../../../src/cluster/kinds.ts";
import { type Lock, type Locking, type LockRequest, takeLock } from "../../../src/execute/state/lock.ts";
import { type FakeCluster, fakeCluster, type Json, requestText } from "../../fixtures/fake-cluster.ts";
import { type ManualClock, manualClock, settled } from "../../fixtures/manual-clock.ts";

interface World {
  readonly clock: ManualClock;
  readonly cluster: FakeCluster;
  readonly warnings: string[];
  take(change?: Partial<LockRequest>, by?: FakeCluster): Promise<Locking>;
  lease(namespace: string): Json;
}

function world(): World {
  const clock = manualClock();
  const cluster = fakeCluster({ now: () => new Date(Date.parse("2026-11-03T04:05:06Z") + clock.now()) });
  const warnings: string[] = [];
  const open = new AbortController().signal;
  return {
    ...{ clock, cluster, warnings },
    take: (change, by = cluster) =>
      takeLock(by, {
        ...{ namespaces: ["a"], istioNamespace: "istio-system", run: "r1", verb: "migrate", by: "ann@laptop" },
        ...{ clock, signal: open, requests: open, warn: (text) => warnings.push(text) },
        ...change,
      }),
    lease: (namespace) => cluster.object(kinds.leases, "kubectl-mesh", namespace),
  };
}

const since = "2026-11-03T04:00:00.000000Z";
const foreignLease = (namespace: string, spec: object = {}, run = "r0") => ({
  metadata: {
    ...{ name: "kubectl-mesh", namespace },
    annotations: { "kubectl-mesh/run": run, "kubectl-mesh/verb": "rollback" },
  },
  spec: { holderIdentity: "bob@desk", leaseDurationSeconds: 15, acquireTime: since, renewTime: since, ...spec },
});

const ref = (namespace: string) => ({ name: "kubectl-mesh", namespace });
const asker = {};

async function locked(taking: Promise<Locking>): Promise<Lock> {
  const locking = await taking;
  assert.equal(locking.kind, "locked", JSON.stringify(locking));
  return (locking as { readonly lock: Lock }).lock;
}

/** What a promise came to after so much time; "waiting" where it came to nothing. */
async function after<T>(clock: ManualClock, promise: Promise<T>, millis: number): Promise<T | "waiting" | Error> {
  const end = promise.catch((error: Error) => error);
  await clock.advance(millis);
  return Promise.race([end, settled().then(() => "waiting" as const)]);
}

const held = (locking: unknown): Json => {
  assert.equal((locking as Json).kind, "held", JSON.stringify(locking));
  return locking;
};

/** The cluster, each request for a Lease of it through `how`. */
function through(cluster: FakeCluster, how: <T>(verb: string, carryOut: () => Promise<T>) => Promise<T>): FakeCluster {
  const changed: FakeCluster = new Proxy(cluster, {
    get: (target, key: keyof FakeCluster) => {
      if (key === "until") return () => changed;
      if (!["get", "create", "patch"].includes(key)) return target[key];
      const verb = target[key] as (...args: readonly unknown[]) => Promise<unknown>;
      return (...args: readonly unknown[]) => how(key, () => verb(...args));
    },
  });
  return changed;
}

const pause = (clock: ManualClock, millis: number) => new Promise<void>((resolve) => clock.after(millis, resolve));

/** Renews a Lease as somebody else, every so many milliseconds, until the function given back is called. */
function renewing({ clock, cluster }: World, namespace: string, everyMs: number): () => void {
  let [cancel, count] = [() => {}, 0];
  const again = (): void => {
    cancel = clock.after(everyMs, () => {
      count++;
      cluster.change(kinds.leases, ref(namespace), ({ spec }) => {
        spec.renewTime = `2026-11-03T04:00:00.${String(count).padStart(6, "0")}Z`;
      });
      again();
    });
  };
  again();
  return () => cancel();
}

describe("taking", () => {
  test("creates each Lease with holder, run, verb and times, and gives all back", async () => {
    const w = world();
    const lock = await locked(w.take({ namespaces: ["b", "a", "b"] }));
    const { metadata, spec } = w.lease("a");
    assert.deepEqual(spec, {
      ...{ holderIdentity: "ann@laptop", leaseDurationSeconds: 15 },
      ...{ acquireTime: "2026-11-03T04:05:06.000000Z", renewTime: "2026-11-03T04:05:06.000000Z" },
    });
    const [run, verb] = [{ "kubectl-mesh/run": "r1" }, { "kubectl-mesh/verb": "migrate" }];
    assert.deepEqual(metadata.annotations, { ...run, ...verb, "kubectl-mesh/taking": "true" });
    assert.deepEqual([...lock.namespaces], ["a", "b"]);
    assert.equal(w.lease("istio-system"), undefined);
    assert.equal(w.cluster.writes.length, 2);
    await w.clock.advance(5_000);
    assert.deepEqual(w.lease("a").metadata.annotations, { ...run, ...verb }, "renewed when all were taken");
    assert.equal(w.cluster.writes.length, 4);
    await lock.release();
    assert.deepEqual([w.lease("a").spec.holderIdentity, w.lease("b").spec.holderIdentity], ["", ""]);
    assert.deepEqual(w.lease("a").metadata.annotations, {});
    await w.clock.advance(3_600_000);
    assert.equal(w.cluster.writes.length, 6, "a lock that was given back is not renewed");
    await locked(w.take({ run: "r2" }));
  });

  test("a holder that renews is named, and nothing is kept", async () => {
    const w = world();
    w.cluster.put(kinds.leases, foreignLease("b"));
    renewing(w, "b", 5_000);
    const before = w.lease("b").spec.holderIdentity;
    const taking = w.take({ namespaces: ["a", "b", "c"] });
    const { namespace, holder } = held(await after(w.clock, taking, 6_000));
    assert.deepEqual([namespace, holder], ["b", { by: "bob@desk", run: "r0", verb: "rollback", since }]);
    assert.deepEqual(
      ["a", "b", "c"].map((name) => w.lease(name)?.spec.holderIdentity),
      ["", before, ""],
    );
    assert.equal(w.warnings.length, 1);
    assert.match(
      w.warnings[0] ?? "",
      /^the lock of namespace b is held by bob@desk \(kubectl mesh-rollback, run r0, since 2026-11-03T04:00:00.000000Z\): waiting up to 15 s for a sign of life of that run; without one its lock is taken over$/,
    );
  });

  test("the Lease of the Istio namespace is looked at last, and never written", async () => {
    const w = world();
    w.cluster.put(kinds.leases, foreignLease("istio-system"));
    renewing(w, "istio-system", 2_000);
    const { namespace } = held(await after(w.clock, w.take(), 3_000));
    assert.equal(namespace, "istio-system");
    const texts = w.cluster.requests.map(requestText);
    assert.ok(
      texts.indexOf("create leases a kubectl-mesh") < texts.indexOf("get leases istio-system kubectl-mesh"),
      texts.join("\n"),
    );
    assert.equal(w.lease("a").spec.holderIdentity, "");
    assert.ok(w.cluster.writes.every((write) => write.namespace === "a"));
  });

  test("one that a dead cleanup left there is waited for, and stays", async () => {
    const w = world();
    w.cluster.put(kinds.leases, foreignLease("istio-system"));
    const taking = w.take();
    assert.equal(await after(w.clock, taking, 14_000), "waiting");
    await w.clock.advance(2_000);
    await locked(taking);
    assert.equal(w.lease("istio-system").spec.holderIdentity, "bob@desk");
  });

  test("a right that is missing ends it with that error, and nothing is kept", async () => {
    const w = world();
    w.cluster.fail({ verb: "create", namespace: "b" }, "forbidden");
    await assert.rejects(w.take({ namespaces: ["a", "b"] }), ({ reason }: ClusterError) => reason === "forbidden");
    assert.equal(w.lease("a").spec.holderIdentity, "");
  });
});

describe("a silent holder", () => {
  const times: Readonly<Record<string, unknown>> = {
    "in the past": "2001-01-01T00:00:00.000000Z",
    "in the future": "2999-01-01T00:00:00.000000Z",
    "that is not a time": "yesterday \u001b[31m",
    absent: undefined,
    null: null,
    "a number": 7,
  };
  for (const [name, renewTime] of Object.entries(times))
    test(`with a renewTime ${name} is taken over after its own time, not before`, async () => {
      const w = world();
      w.cluster.put(kinds.leases, foreignLease("a", { renewTime, leaseDurationSeconds: 20 }));
      const taking = w.take();
      assert.equal(await after(w.clock, taking, 19_900), "waiting");
      assert.equal(w.lease("a").spec.holderIdentity, "bob@desk");
      await w.clock.advance(200);
      await locked(taking);
      assert.equal(w.lease("a").metadata.annotations["kubectl-mesh/run"], "r1");
    });

  const durations: Readonly<Record<string, readonly [unknown, number]>> = {
    "1 s": [1, 15],
    "0 s": [0, 15],
    "-5 s": [-5, 15],
    "3 million s": [3_000_000, 120],
    nothing: [undefined, 15],
    "a text": ["9999", 15],
    infinity: [Number.POSITIVE_INFINITY, 120],
  };
  for (const [name, [leaseDurationSeconds, waited]] of Object.entries(durations))
    test(`whose Lease is good for ${name} is waited for ${waited} s`, async () => {
      const w = world();
      w.cluster.put(kinds.leases, foreignLease("a", { leaseDurationSeconds }));
      const taking = w.take();
      assert.equal(await after(w.clock, taking, waited * 1_000 - 100), "waiting");
      await w.clock.advance(200);
      await locked(taking);
    });

  test("our own time of day plays no part", async () => {
    const w = world();
    w.cluster.put(kinds.leases, foreignLease("a"));
    const taking = w.take();
    await w.clock.advance(1_000);
    w.clock.jump(8 * 3_600_000);
    assert.equal(await after(w.clock, taking, 13_000), "waiting");
    w.clock.jump(-16 * 3_600_000);
    await w.clock.advance(2_000);
    await locked(taking);
  });

  test("a touch of labels is no sign of life, and keeps nobody from taking over", async () => {
    const w = world();
    w.cluster.put(kinds.leases, foreignLease("a"));
    const taking = w.take();
    await w.clock.advance(7_000);
    w.cluster.change(kinds.leases, ref("a"), ({ metadata }) => {
      metadata.labels = { team: "platform" };
    });
    assert.equal(await after(w.clock, taking, 7_900), "waiting");
    await w.clock.advance(200);
    await locked(taking);
  });

  test("a renewal that comes between the last look and the write is seen", async () => {
    const w = world();
    w.cluster.put(kinds.leases, foreignLease("a"));
    w.cluster.next({ verb: "patch", kind: "leases" }, () =>
      w.cluster.change(kinds.leases, ref("a"), ({ spec }) =>
        Object.assign(spec, { renewTime: "2026-11-03T04:00:09Z" }),
      ),
    );
    const taking = w.take();
    await w.clock.advance(15_100);
    renewing(w, "a", 1_000);
    held(await after(w.clock, taking, 3_000));
    assert.equal(w.lease("a").spec.holderIdentity, "bob@desk");
  });

  test("one that gives it back, or whose Lease is deleted, is waited for no longer", async () => {
    for (const end of [
      (w: World) => w.cluster.remove(kinds.leases, ref("a")),
      (w: World) => w.cluster.change(kinds.leases, ref("a"), ({ spec }) => Object.assign(spec, { holderIdentity: "" })),
    ]) {
      const w = world();
      w.cluster.put(kinds.leases, foreignLease("a"));
      const taking = w.take();
      await w.clock.advance(3_000);
      end(w);
      await w.clock.advance(1_100);
      await locked(taking);
    }
  });

  test("a signal while it is waited for ends at once with the signal's reason, and keeps nothing", async () => {
    const w = world();
    w.cluster.put(kinds.leases, foreignLease("b"));
    const stop = new AbortController();
    const taking = w.take({ namespaces: ["a", "b"], signal: stop.signal });
    await w.clock.advance(4_000);
    assert.equal(w.lease("a").spec.holderIdentity, "ann@laptop");
    stop.abort(new Error("SIGINT"));
    const end = await after(w.clock, taking, 0);
    assert.ok(end instanceof ClusterError, JSON.stringify(end));
    assert.deepEqual([end.reason, end.cause], ["timeout", stop.signal.reason]);
    assert.deepEqual(
      ["a", "b"].map((name) => w.lease(name).spec.holderIdentity),
      ["", "bob@desk"],
    );
  });

  test("hundreds left by one run: one line, few looks a second, all taken over after their time", async () => {
    const w = world();
    const namespaces = Array.from({ length: 300 }, (_, index) => `n${index}`);
    w.cluster.put(kinds.leases, ...namespaces.map((name) => foreignLease(name, { leaseDurationSeconds: 60 })));
    const taking = w.take({ namespaces });
    await w.clock.advance(100);
    const begun = w.cluster.requests.length;
    await w.clock.advance(59_000);
    assert.ok(w.cluster.requests.length - begun <= 59 * 26, `${w.cluster.requests.length - begun} requests in 59 s`);
    await w.clock.advance(2_000);
    await locked(taking);
    assert.equal(w.warnings.length, 1);
  });
});

describe("hostile Leases", () => {
  const evil = "\u001b]0;x\u0007\nerror: all is well\u202e";
  const long = "x".repeat(1_000_000);
  const hostile: readonly object[] = [
    { holderIdentity: evil, acquireTime: evil },
    { holderIdentity: long, acquireTime: long },
    { acquireTime: null },
    { acquireTime: 5 },
    { leaseTransitions: "x", strategy: "OldestEmulationVersion" },
  ];
  for (const [index, spec] of hostile.entries())
    test(`${index + 1}: named on one short line, and waited for as any other`, async () => {
      const w = world();
      const lease: Json = foreignLease("a", spec);
      lease.metadata.annotations = {
        "kubectl-mesh/run": index === 1 ? long : `${evil} $(x)`,
        "kubectl-mesh/verb": evil,
      };
      w.cluster.put(kinds.leases, lease);
      const taking = w.take();
      await w.clock.advance(14_000);
      const [line = ""] = w.warnings;
      assert.ok(line.length < 400, String(line.length));
      assert.doesNotMatch(line, /\p{C}|null|undefined|\$\(/u);
      await w.clock.advance(1_100);
      await locked(taking);
    });

  const nobody: readonly Json[] = [
    { spec: undefined },
    { spec: null },
    { spec: {} },
    { spec: { holderIdentity: "" } },
    { spec: { holderIdentity: null } },
    { spec: { holderIdentity: 7 } },
    { spec: { holderIdentity: { a: 1 } } },
  ];
  for (const change of nobody)
    test(`${JSON.stringify(change)} is held by nobody`, async () => {
      const w = world();
      const lease: Json = { ...foreignLease("a"), ...change };
      lease.metadata.annotations = null;
      w.cluster.put(kinds.leases, lease);
      await locked(w.take());
      assert.equal(w.lease("a").spec.holderIdentity, "ann@laptop");
    });
});

describe("two at once", () => {
  const overlapping: Readonly<Record<string, readonly (readonly string[])[]>> = {
    "two sets": [
      ["a", "b", "c"],
      ["c", "b", "d"],
    ],
    "the same set": [
      ["a", "b", "c", "d"],
      ["d", "c", "b", "a"],
    ],
    "three in a ring": [
      ["a", "b"],
      ["b", "c"],
      ["c", "a"],
    ],
  };
  for (const [name, sets] of Object.entries(overlapping))
    test(`never both, and one of them always: 100 interleavings of ${name}`, async () => {
      for (let seed = 1; seed <= 100; seed++) {
        const w = world();
        // Each request is answered after a time that the seed decides.
        let state = seed;
        const next = (): number => {
          state = (state * 48_271) % 2_147_483_647;
          return state % 50;
        };
        const slow = through(w.cluster, async (_, carryOut) => {
          await pause(w.clock, next());
          return carryOut();
        });
        const takers = sets.map((namespaces, at) => w.take({ run: `r${at}`, by: `r${at}@host`, namespaces }, slow));
        const ends: Locking[] = [];
        for (const taker of takers) void taker.then((end) => ends.push(end));
        await w.clock.advance(30_000);
        assert.equal(ends.length, sets.length, `seed ${seed}: some wait for ever`);
        const winners = ends.filter(({ kind }) => kind === "locked");
        assert.equal(winners.length, 1, `seed ${seed}: ${winners.length} have it`);
        const holders = ["a", "b", "c", "d"].map((name) => w.lease(name)?.spec.holderIdentity ?? "");
        assert.equal(new Set(holders.filter((holder) => holder !== "")).size, winners.length, holders.join());
        for (const winner of winners) {
          const releasing = (winner as { readonly lock: Lock }).lock.release();
          await w.clock.advance(200);
          await releasing;
        }
      }
    });

  test("on different namespaces they do not hinder each other", async () => {
    const w = world();
    const [one, two] = [await locked(w.take()), await locked(w.take({ run: "r2", namespaces: ["b"] }))];
    assert.deepEqual([await one.ensure("a", asker), await two.ensure("b", asker)], ["current", "current"]);
  });
});

describe("lost answers", () => {
  for (const [name, verb] of [
    ["a create", "create"],
    ["a take-over", "patch"],
  ] as const)
    for (const fault of ["lost", "dropped"] as const)
      test(`of ${name} that was ${fault === "lost" ? "done" : "not done"}: settled by reading`, async () => {
        const w = world();
        if (verb === "patch") w.cluster.put(kinds.leases, foreignLease("a", { holderIdentity: "" }));
        w.cluster.next({ verb, kind: "leases" }, fault);
        await locked(w.take());
        assert.equal(w.lease("a").metadata.annotations["kubectl-mesh/run"], "r1");
        assert.equal(w.cluster.writes.length, fault === "lost" ? 1 : 2);
      });

  test("and what was taken cannot be read: ended, and given back once it can be", async () => {
    const w = world();
    w.cluster.next({ verb: "create", kind: "leases" }, "lost");
    w.cluster.next({ verb: "get", kind: "leases" }, "done", "unreachable");
    await assert.rejects(w.take(), ({ reason }: ClusterError) => reason === "unreachable");
    assert.equal(w.lease("a").spec.holderIdentity, "");
  });

  test("of every try: ended after some, not tried for ever", async () => {
    const w = world();
    w.cluster.fail({ verb: "create", kind: "leases" }, "dropped");
    await assert.rejects(w.take(), ({ reason }: ClusterError) => reason === "unreachable");
    assert.equal(w.cluster.writes.length, 5);
  });

  test("the age of a lock counts from the write, not from the read that settled it", async () => {
    const w = world();
    const dropped = new ClusterError("no answer", { reason: "timeout", ambiguous: true });
    const slow = through(w.cluster, async (verb, carryOut) => {
      const answer = await carryOut();
      if (verb !== "create") return answer;
      await pause(w.clock, 14_000);
      throw dropped;
    });
    const taking = w.take({}, slow);
    await w.clock.advance(14_100);
    const lock = await locked(taking);
    const before = w.cluster.writes.length;
    assert.equal(await lock.ensure("a", asker), "current");
    assert.equal(w.cluster.writes.length, before + 1, "renewed before the first write");
  });

  test("of a renewal: settled by reading, done or not", async () => {
    for (const fault of ["lost", "dropped", "conflict"] as const) {
      const w = world();
      const lock = await locked(w.take());
      w.cluster.next({ verb: "patch", kind: "leases" }, fault);
      await w.clock.advance(6_000);
      assert.equal(w.lease("a").spec.renewTime, "2026-11-03T04:05:11.000000Z");
      assert.equal(await lock.ensure("a", asker), "current");
    }
  });

  test("of a giving back: settled by reading", async () => {
    for (const fault of ["lost", "dropped", "conflict"] as const) {
      const w = world();
      const lock = await locked(w.take());
      w.cluster.next({ verb: "patch", kind: "leases" }, fault);
      await lock.release();
      assert.equal(w.lease("a").spec.holderIdentity, "", fault);
    }
  });
});

describe("while it runs", () => {
  test("every Lease is renewed for as long as it takes", async () => {
    const w = world();
    const lock = await locked(w.take({ namespaces: ["a", "b"] }));
    await w.clock.advance(3_600_000);
    const age = (name: string) =>
      w.clock.now() - (Date.parse(w.lease(name).spec.renewTime) - Date.parse("2026-11-03T04:05:06Z"));
    assert.ok(age("a") <= 5_000 && age("b") <= 5_000);
    assert.equal(w.lease("a").spec.acquireTime, "2026-11-03T04:05:06.000000Z");
    const { length } = w.cluster.requests;
    assert.equal(await lock.ensure("a", asker), "current");
    assert.equal(w.cluster.requests.length, length, "a young lock costs no request");
  });

  const losses: Readonly<Record<string, readonly [(w: World) => void, RegExp]>> = {
    deleted: [(w) => w.cluster.remove(kinds.leases, ref("a")), /namespace a was removed meanwhile/],
    "given to somebody else": [
      (w) => w.cluster.put(kinds.leases, { ...foreignLease("a"), metadata: { ...foreignLease("a").metadata } }),
      /namespace a was taken over by bob@desk \(kubectl mesh-rollback, run r0/,
    ],
    "taken over and given back since": [
      (w) => w.cluster.put(kinds.leases, foreignLease("a", { holderIdentity: "" })),
      /namespace a was taken away meanwhile/,
    ],
    "deleted and created again by hand": [
      (w) => {
        const { metadata, spec } = w.lease("a");
        w.cluster.remove(kinds.leases, ref("a"));
        const { uid: _, ...rest } = metadata;
        w.cluster.put(kinds.leases, Object.assign({ metadata: rest }, { spec }));
      },
      /namespace a was/,
    ],
  };
  for (const [name, [act, message]] of Object.entries(losses))
    test(`one that is ${name} allows no further write, for good; the others stay`, async () => {
      const w = world();
      const lock = await locked(w.take({ namespaces: ["a", "b"] }));
      act(w);
      await w.clock.advance(5_100);
      const theirs = w.lease("a");
      for (let time = 0; time < 3; time++) {
        await assert.rejects(lock.ensure("a", asker), (error: ClusterError) => {
          assert.match(error.message, message);
          return error.reason === "conflict" && (error.hint ?? "").includes("kubectl mesh-rollback --list -n a");
        });
        assert.equal(await lock.ensure("b", asker), "current");
        await w.clock.advance(20_000);
      }
      await lock.release();
      assert.deepEqual(w.lease("a"), theirs, "what is somebody else's is not touched");
      assert.equal(w.lease("b").spec.holderIdentity, "");
    });

  test("one that cannot be renewed for a while is renewed before the next write", async () => {
    const w = world();
    const lock = await locked(w.take({ namespaces: ["a", "b"] }));
    const back = w.cluster.fail({ verb: "patch", namespace: "a" }, "unreachable");
    await w.clock.advance(12_000);
    await assert.rejects(lock.ensure("a", asker), ({ reason }: ClusterError) => reason === "unreachable");
    assert.equal(await lock.ensure("b", asker), "current");
    back();
    assert.equal(await lock.ensure("a", asker), "current");
    assert.equal(w.lease("a").spec.renewTime, "2026-11-03T04:05:18.000000Z");
  });

  test("a renewal that hangs keeps neither the next one nor a write waiting", async () => {
    const w = world();
    const lock = await locked(w.take());
    w.cluster.next({ verb: "patch", kind: "leases" }, "hang", "hang");
    await w.clock.advance(10_100);
    assert.equal(w.cluster.writes.filter(({ verb }) => verb === "patch").length, 2, "the second one is under way");
    assert.equal(await after(w.clock, lock.ensure("a", asker), 5_000), "current");
    assert.equal(w.lease("a").spec.renewTime, "2026-11-03T04:05:21.000000Z");
  });

  test("300 namespaces: at most 16 requests at once, 15 renewals a second on average", async () => {
    const w = world();
    let [now, most] = [0, 0];
    const counted = through(w.cluster, async (_, carryOut) => {
      most = Math.max(most, ++now);
      await pause(w.clock, 20);
      now--;
      return carryOut();
    });
    const namespaces = Array.from({ length: 300 }, (_, index) => `n${index}`);
    const taking = w.take({ namespaces }, counted);
    await w.clock.advance(1_000);
    const lock = await locked(taking);
    assert.equal(w.cluster.writes.length, 300);
    assert.equal(w.lease("n7").spec.leaseDurationSeconds, 60);
    await w.clock.advance(120_000);
    const renewals = w.cluster.writes.length - 300;
    assert.ok(renewals <= 120 * 15 && renewals > 0, `${renewals} renewals in 120 s`);
    const releasing = lock.release();
    await w.clock.advance(1_000);
    await releasing;
    assert.ok(namespaces.every((name) => w.lease(name).spec.holderIdentity === ""));
    assert.equal(most, 16);
    assert.equal(renewals, 1_800);
  });
});

describe("a machine that slept", () => {
  for (const [name, hours] of [
    ["8 hours, its monotonic clock standing still", 8],
    ["and whose time of day was set back", -8],
  ] as const)
    test(`${name}: renews first, and each asker is told once`, async () => {
      const w = world();
      const lock = await locked(w.take({ namespaces: ["a", "b"] }));
      const [one, two] = [{}, {}];
      assert.equal(await lock.ensure("a", one), "current");
      w.clock.jump(hours * 3_600_000);
      const before = w.cluster.writes.length;
      assert.equal(await lock.ensure("a", one), "stale");
      assert.equal(w.cluster.writes.length, before + 1);
      assert.deepEqual(
        [await lock.ensure("a", two), await lock.ensure("a", one), await lock.ensure("a", two)],
        ["stale", "current", "current"],
      );
      assert.equal(await lock.ensure("b", one), "stale");
    });

  test("is told it also where the lock was renewed by itself after the sleep", async () => {
    const w = world();
    const lock = await locked(w.take());
    w.clock.jump(8 * 3_600_000);
    await w.clock.advance(6_000);
    assert.equal(w.lease("a").spec.renewTime, "2026-11-03T04:05:11.000000Z");
    assert.equal(await lock.ensure("a", asker), "stale");
  });

  test("and whose lock somebody took over meanwhile writes nothing", async () => {
    const w = world();
    const lock = await locked(w.take());
    w.clock.jump(8 * 3_600_000);
    w.cluster.put(kinds.leases, foreignLease("a"));
    await assert.rejects(lock.ensure("a", asker), /was taken over by bob@desk/);
  });

  test("a nap that is shorter than the lock is good for is none", async () => {
    const w = world();
    const lock = await locked(w.take());
    w.clock.jump(12_000);
    assert.equal(await lock.ensure("a", asker), "current");
    assert.equal(w.cluster.writes.length, 2, "but it is renewed");
  });
});

describe("giving back", () => {
  test("ends within 1.5 s where the server does not answer, whatever was under way", async () => {
    const w = world();
    const namespaces = Array.from({ length: 40 }, (_, index) => `n${index}`);
    const lock = await locked(w.take({ namespaces }));
    w.cluster.fail({ verb: "patch", kind: "leases" }, "hang");
    await w.clock.advance(6_000);
    let given = false;
    void lock.release().then(() => {
      given = true;
    });
    await w.clock.advance(1_400);
    assert.equal(given, false);
    await w.clock.advance(200);
    assert.equal(given, true);
  });

  test("never gives back what was taken over unnoticed", async () => {
    const w = world();
    const lock = await locked(w.take());
    w.cluster.put(kinds.leases, foreignLease("a"));
    await lock.release();
    assert.equal(w.lease("a").spec.holderIdentity, "bob@desk");
  });

  test("a renewal under way takes nothing back again", async () => {
    const w = world();
    const lock = await locked(w.take());
    w.cluster.next({ verb: "patch", kind: "leases" }, "conflict");
    w.cluster.next({ verb: "get", kind: "leases" }, () => void lock.release());
    await w.clock.advance(20_000);
    assert.equal(w.lease("a").spec.holderIdentity, "");
  });
});
