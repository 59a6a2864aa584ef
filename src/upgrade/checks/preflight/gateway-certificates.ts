/** Certificates of gateways that end about the time of the upgrade, whose end would be taken for its fault. */
import { instantOf } from "../../../mesh/instant.ts";
import { refText } from "../../../mesh/object-ref.ts";
import { counted, listed } from "../../../mesh/phrase.ts";
import type { ServedCertificate } from "../../preflight/evidence/config-evidence.ts";
import type { PreflightFacts } from "../../preflight/preflight-facts.ts";
import { type Check, note, warning } from "../check.ts";

const week = 7 * 24 * 60 * 60 * 1000;

const certificates: Check<PreflightFacts> = {
  id: "gateway-certificates",
  title: "the certificates of gateways stay valid for a week",
  severity: "warning",
  category: "gateways",
  run: ({ mesh, around: { config } }) => {
    const now = instantOf(mesh.takenAt) ?? 0;
    const silent = config.certificates.filter((each) => each.kind === "unanswered");
    return [
      ...config.certificates.flatMap((each) => {
        if (each.kind === "unanswered") return [];
        const ending = each.certificates.filter(({ expires }) => (instantOf(expires) ?? 0) < now + week);
        return ending.length === 0
          ? []
          : [
              warning(
                refText(each.gateway),
                `${counted(ending.length, "certificate")} of it ${ending.length === 1 ? "ends" : "end"} within a week or ${ending.length === 1 ? "has" : "have"} ended: ${listed(ending.map(textOf))}`,
                "renew it before the upgrade, so that its end is not taken for the upgrade's fault",
              ),
            ];
      }),
      ...(silent.length === 0
        ? []
        : [
            note(
              "gateways",
              `the certificates of ${counted(silent.length, "gateway")} were not looked at (${listed(silent.map(({ gateway }) => `${gateway.namespace}/${gateway.name}`))}): ${silent[0]?.reason}`,
            ),
          ]),
    ];
  },
};

const textOf = ({ names, expires }: ServedCertificate): string =>
  `${names.length === 0 ? "one without a name" : listed(names, 1)} on ${expires}`;

export const certificateChecks: readonly Check<PreflightFacts>[] = [certificates];
