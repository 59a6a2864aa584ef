/** A request as it comes in: who asks, for what, with which body; and what a test may have happen to it. */
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { load } from "js-yaml";
import type { Json } from "../object.ts";
import { type Authorize, assertAllowed, type User } from "./access.ts";
import { binaryBody, isBinary } from "./binary-body.ts";
import type { Route } from "./route.ts";
import { badRequest, unauthorized } from "./status.ts";
import type { WatchFault } from "./watch-fault.ts";

/** A request, before it is answered. */
export interface Asked {
  readonly method: string;
  readonly url: URL;
  /** Absent for discovery. */
  readonly route: Route | undefined;
  readonly user: User;
  readonly userAgent: string;
  readonly dryRun: boolean;
  readonly body: Json;
  /** How many came before it. */
  readonly index: number;
}

/** What was asked and what was answered. */
export interface Answered extends Asked {
  readonly code: number;
  readonly at: number;
}

/** An answer that is not the request's own. */
export interface CannedAnswer {
  readonly code: number;
  readonly body: string | Json;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is to happen to a request instead of, before or after what it asks for. Milliseconds of the mesh's clock. */
export interface Interception {
  /** Wait before anything. */
  readonly delay?: number;
  /** Answer so, or break the connection, without doing what is asked. */
  readonly instead?: CannedAnswer | "reset";
  /** Do what is asked, and then answer so, break the connection, or cut the answer in the middle. */
  readonly after?: CannedAnswer | "reset" | "cut";
  /** What becomes of it once it answers, if it is a watch. */
  readonly watch?: WatchFault;
}

/** Throws `Refusal` (401, and 403 for who may not act for another). */
export function userOf(request: IncomingMessage, users: ReadonlyMap<string, User>, authorize: Authorize): User {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  const user = token === undefined ? certifiedUser(request) : users.get(token);
  if (!user) throw unauthorized();
  const as = request.headers["impersonate-user"];
  const groups = request.headersDistinct["impersonate-group"] ?? [];
  if (as === undefined && groups.length > 0)
    throw badRequest(`requested groups ${groups.join(", ")} without impersonating a user name`);
  if (as === undefined) return user;
  const name = Array.isArray(as) ? (as[0] ?? "") : as;
  assertAllowed(authorize, user, {
    verb: "impersonate",
    group: "",
    resource: "users",
    subresource: "",
    namespace: undefined,
    name,
  });
  return { name, groups: [...groups, "system:authenticated"] };
}

function certifiedUser({ socket }: IncomingMessage): User {
  const name = (socket as TLSSocket).getPeerCertificate?.()?.subject?.CN;
  return name ? { name: String(name), groups: ["system:masters", "system:authenticated"] } : anonymous;
}

const anonymous: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };

export const contentTypeOf = ({ headers }: IncomingMessage): string =>
  (headers["content-type"] ?? "").split(";", 1)[0] ?? "";

/** Throws `Refusal` (400) for what cannot be read. */
export async function bodyOf(request: IncomingMessage): Promise<Json> {
  if (request.method === "GET") return undefined;
  const bytes = Buffer.concat(await request.toArray());
  if (bytes.length === 0) return undefined;
  try {
    if (isBinary(bytes)) return binaryBody(bytes);
    const text = bytes.toString();
    const type = contentTypeOf(request);
    if (type.endsWith("yaml")) return load(text);
    return type === "" || type.endsWith("json") ? JSON.parse(text) : text;
  } catch (error) {
    throw badRequest((error as Error).message);
  }
}
