/** Runs `istioctl analyze` after a removal: a second opinion, where istioctl is installed. */
import { printable } from "../cluster/printable.ts";
import { counted } from "../mesh/phrase.ts";
import { askIstioctl, type IstioctlRequest } from "./istioctl.ts";

/** `skipped`: istioctl is not there, or cannot be pointed at this cluster. */
export interface Analysis {
  readonly state: "good" | "bad" | "unknown" | "skipped";
  /** For a person; safe to print. */
  readonly evidence: string;
}

/** A webhook that leads nowhere, or injectors that overlap (istio.io/latest/docs/reference/config/analysis/ist0139). */
const invalidWebhook = "IST0139";

/**
 * Never throws: what cannot be judged is `unknown`, with the reason. `revision` is the one that was removed: istioctl
 * reads webhooks without a label `istio.io/rev` and those with this one. By default it looks at revision `default`, and
 * would miss what is left of another (istio/istio pkg/config/analysis/local/istiod_analyze.go,
 * AddRunningKubeSourceWithRevision).
 */
export async function analyzeMesh(revision: string, request: IstioctlRequest): Promise<Analysis> {
  const answer = await askIstioctl(["analyze", "-A", "--revision", revision], request);
  if (answer.state !== "answered") return answer;
  const { messages } = answer;
  const invalid = messages.filter(({ code }) => code === invalidWebhook);
  const [first] = invalid;
  if (first === undefined)
    return { state: "good", evidence: `${counted(messages.length, "message")}, none of them ${invalidWebhook}` };
  const more = invalid.length === 1 ? "" : `, and ${invalid.length - 1} more`;
  const what = printable(`${first.origin}: ${first.message}`, 300);
  return { state: "bad", evidence: `${invalidWebhook} ${what}${more}` };
}
