/** What istioctl's own checks say of a mesh, where istioctl is installed: under its own codes, and never a blocker. */

import { askIstioctl, type IstioctlMessage, type IstioctlRequest } from "../../src/cli/istioctl.ts";
import { printable } from "../../src/cluster/printable.ts";
import type { Finding } from "../../src/mesh/finding.ts";
import { counted } from "../../src/mesh/phrase.ts";
import type { Opinion } from "../../src/upgrade/preflight/preflight-result.ts";

/** https://istio.io/latest/docs/reference/commands/istioctl/ */
const tools = [
  { tool: "istioctl analyze", words: ["analyze", "-A"], silentWhenGood: false },
  { tool: "istioctl x precheck", words: ["experimental", "precheck"], silentWhenGood: true },
] as const;

/** Runs both side by side. Never throws. */
export const istioctlOpinions = (request: IstioctlRequest): Promise<readonly Opinion[]> =>
  Promise.all(
    tools.map(async ({ tool, words, silentWhenGood }): Promise<Opinion> => {
      const answer = await askIstioctl(words, { ...request, silentWhenGood });
      if (answer.state !== "answered") return { tool, ...answer, findings: [] };
      const { messages } = answer;
      return {
        tool,
        state: "answered",
        evidence: counted(messages.length, "message"),
        findings: messages.map(findingOf),
      };
    }),
  );

/** Its errors and warnings are warnings, and its informational messages notes. */
const findingOf = ({ code, level, origin, message }: IstioctlMessage): Finding => ({
  check: printable(code, 20),
  severity: level === "Info" ? "note" : "warning",
  object: printable(origin, 200),
  message: printable(message, 1000),
  remedy: undefined,
  accept: undefined,
});
