/** Where an object is, and by whom it is asked for or written. */
import type { Resource } from "./resources.ts";

/** Who writes, and how. */
export interface By {
  readonly user: string;
  /** Field manager; controllers have none. */
  readonly manager?: string;
  readonly dryRun?: boolean;
  readonly subresource?: "status" | "scale";
}

export interface Place {
  readonly resource: Resource;
  readonly namespace: string | undefined;
}
