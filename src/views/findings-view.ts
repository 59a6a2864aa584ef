/** Findings and refusals as text for a person. */
import { type Finding, isObstacle, severities } from "../mesh/finding.ts";
import { safe } from "../mesh/safe.ts";
import { shellWord } from "../upgrade/commands.ts";

/** Findings, the most severe first: object, message and `→ remedy`. Empty text without findings. */
export const findingsView = (findings: readonly Finding[]): string =>
  severities
    .flatMap((severity) => findings.filter((finding) => finding.severity === severity))
    .map(line)
    .join("");

/**
 * The findings, and then the command with the flags that accept the blockers that can be accepted. `command` is the
 * user's command, with `kubectl` in front.
 */
export function refusalView(findings: readonly Finding[], command: string): string {
  const accepted = acceptingCommand(findings, command);
  const counts = findings.some(({ severity, accept }) => severity === "unknown" && accept?.flag === "--proof")
    ? isObstacle
    : ({ severity }: Finding) => severity === "blocker";
  const rest = findings.filter((finding) => counts(finding) && finding.accept === undefined).length;
  const last =
    accepted === undefined
      ? ""
      : `\n${rest === 0 ? "to accept this and go on:" : `to accept the rest, after ${rest === 1 ? "the one that cannot be accepted is" : `the ${rest} that cannot be accepted are`} fixed:`}\n  ${accepted}\n`;
  return `${findingsView(findings)}${last}`;
}

/**
 * Whether a command is offered with the flag that accepts it: blockers, and istiods that cannot be asked. What merely
 * could not be read is to be read.
 */
const isOffered = ({ severity, accept }: Finding): boolean =>
  accept !== undefined && (severity === "blocker" || (severity === "unknown" && accept.flag === "--proof"));

/** The command with a flag for each finding that a flag can accept; undefined without such a finding. */
export function acceptingCommand(findings: readonly Finding[], command: string): string | undefined {
  const accepts = findings.flatMap((finding) => {
    const { accept } = finding;
    return accept !== undefined && isOffered(finding)
      ? [accept.value === "" ? accept.flag : `${accept.flag} ${shellWord(accept.value)}`]
      : [];
  });
  return accepts.length === 0 ? undefined : [command, ...new Set(accepts)].join(" ");
}

const line = ({ severity, check, object, message, remedy }: Finding): string =>
  `${severity}: ${safe(object)}: ${safe(message)} [${safe(check)}]\n${remedy === undefined ? "" : `  → ${safe(remedy)}\n`}`;
