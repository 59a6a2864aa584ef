/** How each kind of step is carried out. */
import type { Step } from "../../upgrade/plan/step.ts";
import type { Machine } from "../run-plan.ts";
import { moveTagActions } from "./move-tag-step.ts";
import { proveActions } from "./prove-step.ts";
import { relabelActions } from "./relabel-step.ts";
import { restartActions } from "./restart-step.ts";

const actions = {
  "move-tag": moveTagActions,
  relabel: relabelActions,
  restart: restartActions,
  prove: proveActions,
} as const;

export const actionsOf: Machine["actionsOf"] = ({ kind }: Step) => actions[kind];
