/** How the operators that own workloads want them restarted. */
import type { ObjectOwner } from "../../mesh/model.ts";

/** A restart in the owner's own way, in words for a person: what is written on which object. */
export interface OwnersWay {
  readonly how: string;
}

/** The owner's own way to restart what it owns, where one is known. No way is known yet. */
export const ownersWay = (_owner: Pick<ObjectOwner, "group" | "kind">): OwnersWay | undefined => undefined;
