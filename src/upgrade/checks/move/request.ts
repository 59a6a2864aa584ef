/** Do the flags name what exists, and is the evidence there? */

import type { ObjectRef } from "../../../mesh/model.ts";
import { refArgument } from "../../../mesh/object-ref.ts";
import { didYouMean } from "../../../mesh/text/suggestion.ts";
import type { Facts } from "../../plan/moves.ts";
import { matchesPattern, parsePattern } from "../../plan/object-pattern.ts";
import { blocker, type Check, cannotTell, type Observation } from "../check.ts";
import { readRemedy } from "../run-checks.ts";

/** A name without `*` that matches nothing is a typing error: what was meant would be restarted. */
const namesExist: Check<Facts> = {
  id: "names-exist",
  title: "--leave, --allow-downtime and --restart-owned name what exists",
  severity: "blocker",
  category: "request",
  run: (facts) => [
    ...facts.request.leave.flatMap((text) => misnamed("--leave", text, leavable(facts))),
    ...facts.request.allowDowntime.flatMap((text) => misnamed("--allow-downtime", text, interruptible(facts))),
    ...facts.request.restartOwned.flatMap((text) => misnamed("--restart-owned", text, workloadsOf(facts))),
  ],
};

const workloadsOf = ({ asked }: Facts): readonly ObjectRef[] => asked.flatMap(({ found }) => found?.workloads ?? []);

const leavable = ({ asked }: Facts): readonly ObjectRef[] =>
  asked.flatMap(({ found }) => [
    ...(found?.workloads ?? []),
    ...(found?.pods ?? []).flatMap(({ namespace, name, owner }) => [
      { kind: "Pod", namespace, name },
      ...(owner === undefined ? [] : [{ kind: owner.kind, namespace, name: owner.name }]),
    ]),
  ]);

const interruptible = (facts: Facts): readonly ObjectRef[] => {
  const { asked, mesh, tag } = facts;
  const names = new Set(asked.map(({ name }) => name));
  return [
    ...workloadsOf(facts),
    ...mesh.gateways
      .filter((gateway) => names.has(gateway.namespace) || tag?.gateways.includes(gateway))
      .map(({ namespace, name }) => ({ kind: "Gateway", namespace, name })),
  ];
};

const misnamed = (flag: string, text: string, refs: readonly ObjectRef[]): readonly Observation[] => {
  const pattern = parsePattern(text);
  if (pattern === undefined)
    return [
      blocker(`${flag} ${text}`, "it is not of the form [NAMESPACE/]KIND/NAME", `for example ${flag} deployment/web`),
    ];
  if (text.includes("*") || refs.some((ref) => matchesPattern(pattern, ref))) return [];
  const known = refs.flatMap((ref) => [refArgument(ref), `${ref.kind.toLowerCase()}/${ref.name}`]);
  return [
    blocker(
      `${flag} ${text}`,
      `nothing in the namespaces to move has this name${didYouMean(text, known)}`,
      "correct the name, or leave it out",
    ),
  ];
};

const evidence: Check<Facts> = {
  id: "evidence",
  title: "everything that has to be known could be read",
  severity: "unknown",
  category: "request",
  run: ({ mesh }) =>
    mesh.unknown
      .filter(({ subject }) => !mesh.answers.some(({ istiod }) => subject === `istiod ${istiod}`))
      .map(({ subject, reason }) => cannotTell(subject, `it could not be read: ${reason}`, readRemedy)),
};

export const requestChecks: readonly Check<Facts>[] = [namesExist, evidence];
