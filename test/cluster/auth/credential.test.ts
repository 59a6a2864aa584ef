import assert from "node:assert/strict";
import { test } from "node:test";
import { fetchedCredentials } from "../../../src/cluster/auth/credential.ts";

/** Credentials that are counted, each good for `life` milliseconds, by a clock that is set by hand. */
function counted(life?: number): {
  readonly credentials: ReturnType<typeof fetchedCredentials>;
  readonly clock: { at: number };
  fetched(): number;
} {
  const clock = { at: 1_000_000 };
  let count = 0;
  const fetch = async () => ({
    authorization: `${++count}`,
    expires: life === undefined ? undefined : clock.at + life,
  });
  return { credentials: fetchedCredentials(fetch, () => clock.at), clock, fetched: () => count };
}

test("a 401 that comes late, about a credential already replaced, fetches nothing", async () => {
  const { credentials, fetched } = counted();
  const old = await credentials.current();
  assert.deepEqual(await Promise.all([credentials.renew(old), credentials.renew(old)]), [true, true]);
  assert.equal(fetched(), 2);
  assert.equal(await credentials.renew(old), true);
  assert.equal(fetched(), 2);
  assert.equal((await credentials.current()).authorization, "2");
});

for (const [life, stillGood, due] of [
  [3_600_000, 3_569_000, 3_571_000],
  [10_000, 4_900, 5_100],
] as const) {
  test(`a credential of ${life / 1000} s is fetched anew after ${due / 1000} s, not after ${stillGood / 1000} s`, async () => {
    const { credentials, clock, fetched } = counted(life);
    await credentials.current();
    clock.at += stillGood;
    await credentials.current();
    assert.equal(fetched(), 1);
    clock.at += due - stillGood;
    await credentials.current();
    assert.equal(fetched(), 2);
  });
}

test("a fetch that fails is tried again by the next who asks", async () => {
  let fails = true;
  const credentials = fetchedCredentials(async () => {
    if (fails) throw new Error("no");
    return { authorization: "yes" };
  });
  await assert.rejects(Promise.all([credentials.current(), credentials.current()]));
  fails = false;
  assert.equal((await credentials.current()).authorization, "yes");
});
