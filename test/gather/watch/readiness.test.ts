import assert from "node:assert/strict";
import { test } from "node:test";
import { watchReadiness } from "../../../src/gather/watch/readiness.ts";
import { webPod } from "../../fixtures/pods.ts";

test("an answer counts for a pod when it was asked for no earlier than the look that first saw it ready", () => {
  const [waits, ready] = [webPod("web-a", { ready: false }), webPod("web-a")];
  const newlyReady = watchReadiness();
  const looks = [
    { of: waits, pictureAt: 0, askedAt: 5, newly: false },
    { of: ready, pictureAt: 10, askedAt: 5, newly: true },
    { of: ready, pictureAt: 20, askedAt: 5, newly: true },
    { of: ready, pictureAt: 30, askedAt: 10, newly: false },
    { of: waits, pictureAt: 40, askedAt: 35, newly: false },
    { of: ready, pictureAt: 50, askedAt: 35, newly: true },
    { of: ready, pictureAt: 60, askedAt: 55, newly: false },
  ];
  for (const { of, pictureAt, askedAt, newly } of looks)
    assert.equal(newlyReady([of], pictureAt, askedAt)(of), newly, `at ${pictureAt}, asked at ${askedAt}`);
  assert.equal(newlyReady([], 70, 0)(ready), false, "a pod that is not in the picture");
});
