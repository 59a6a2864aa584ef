/** The API server's audit log: what was asked of it, by whom, with which program. */
import fs from "node:fs";
import path from "node:path";

export interface AuditEntry {
  readonly verb: string;
  /** `/api/v1/namespaces/a?fieldManager=…` */
  readonly uri: string;
  readonly user: string;
  readonly userAgent: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly code: number;
  readonly dryRun: boolean;
  readonly at: Date;
}

/** Every entry since a time. Watches and port-forwards are there once they have ended or been answered. */
export async function readAudit(dir: string, since = new Date(0)): Promise<AuditEntry[]> {
  const text = await fs.promises.readFile(path.join(dir, "audit.log"), "utf8");
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const event = JSON.parse(line);
      const { resource = "", subresource = "", namespace = "", name = "" } = event.objectRef ?? {};
      return {
        ...{ verb: event.verb, uri: event.requestURI, user: event.user.username, userAgent: event.userAgent ?? "" },
        ...{ resource, subresource, namespace, name, code: event.responseStatus?.code ?? 0 },
        dryRun: new URL(event.requestURI, "https://host").searchParams.has("dryRun"),
        at: new Date(event.requestReceivedTimestamp),
      };
    })
    .filter((entry) => entry.at >= since);
}

/** Whether an entry is of a request that changes what is stored; dry-runs, access reviews and port-forwards do not. */
export function isWrite({ verb, resource, subresource, dryRun }: AuditEntry): boolean {
  if (!["create", "update", "patch", "delete", "deletecollection"].includes(verb) || dryRun) return false;
  const asks = [
    "selfsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "subjectaccessreviews",
    "localsubjectaccessreviews",
    "tokenreviews",
    "selfsubjectreviews",
  ];
  return (
    !asks.includes(resource) && !(resource === "pods" && ["portforward", "exec", "attach", "log"].includes(subresource))
  );
}
