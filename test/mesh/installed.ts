/**
 * Everything that istioctl renders of a release (`istioctl manifest generate`, with CNI, ingress gateway, ztunnel and
 * every option of istiod's chart), with the fields that tell what belongs to whom.
 */
import { readFileSync } from "node:fs";
import type { InstalledObject } from "../../src/upgrade/cleanup/inventory-of.ts";
import type { Release } from "./rendered.ts";

export interface InstalledObjects {
  /** Of the revision that is named after the release (`1-20`). */
  readonly revisioned: readonly InstalledObject[];
  readonly unrevisioned: readonly InstalledObject[];
}

export const installedObjects = (release: Release): InstalledObjects =>
  JSON.parse(readFileSync(new URL(`installed/${release}.json`, import.meta.url), "utf8"));
