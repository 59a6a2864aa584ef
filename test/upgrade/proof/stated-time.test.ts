import assert from "node:assert/strict";
import test from "node:test";
import type { Workload } from "../../../src/mesh/model.ts";
import { statedMs } from "../../../src/upgrade/proof/stated-time.ts";

const workload = (containers: readonly object[], minReadySeconds?: number) =>
  ({ template: { spec: { containers } }, minReadySeconds }) as unknown as Workload;

const table: readonly (readonly [what: string, workload: Workload, seconds: number])[] = [
  ["nothing stated", workload([{ name: "app" }]), 0],
  ["minReadySeconds (buildbuddy-io/buildbuddy-helm#77)", workload([{}], 900), 960],
  ["a readiness probe that begins late (argoproj/argo-rollouts#3693)", workload([{ readinessProbe: { initialDelaySeconds: 35, periodSeconds: 5 } }]), 100],
  ["all attempts of a startup probe", workload([{ startupProbe: { periodSeconds: 10, failureThreshold: 90 } }]), 960],
  ["a startup probe as Kubernetes sets it", workload([{ startupProbe: {} }]), 90],
  ["startup, then readiness, then minReadySeconds", workload([{ startupProbe: {}, readinessProbe: {} }], 30), 130],
  ["the slowest container counts", workload([{ startupProbe: {} }, { readinessProbe: { initialDelaySeconds: 300 } }]), 370],
  ["no template", { ...workload([]), template: undefined }, 0],
]; // biome-ignore format: a table

for (const [what, each, seconds] of table)
  test(`stated time: ${what}`, () => assert.equal(statedMs(each), seconds * 1000));
