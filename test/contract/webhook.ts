/**
 * Admission webhooks that the test itself answers: over HTTPS where the API server is real, and by its URL within the
 * embedded mesh.
 */
import https from "node:https";
import type { AddressInfo } from "node:net";
import jsonPatch from "fast-json-patch";
import { testPki } from "../cluster/pki.ts";
import type { Json, MeshUnderTest } from "./mesh-under-test.ts";
import type { EmbeddedUnderTest } from "./open-embedded.ts";

export interface Call {
  readonly operation: string;
  /** Plural. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly object: Json;
  readonly oldObject: Json;
  readonly dryRun: boolean;
}

/** `object`: as a mutating webhook would have it. */
export type Verdict =
  | { readonly allowed: true; readonly object?: Json }
  | { readonly allowed: false; readonly message?: string; readonly code?: number };

export interface Webhook extends Disposable {
  readonly clientConfig: { readonly url: string; readonly caBundle: string };
}

let count = 0;

/** Until it is disposed of, `answer` is asked about whatever a webhook entry with this `clientConfig` selects. */
export async function serveWebhook(mesh: MeshUnderTest, answer: (call: Call) => Verdict): Promise<Webhook> {
  const pki = await testPki();
  const caBundle = Buffer.from(pki.ca).toString("base64");
  if (mesh.kind === "embedded") {
    const url = `https://127.0.0.1:9/webhook-${count++}`;
    (mesh as EmbeddedUnderTest).embedded.onWebhook(url, async (_, { resource, ...rest }) =>
      answer({ ...rest, resource: resource.plural }),
    );
    return { clientConfig: { url, caBundle }, [Symbol.dispose]: () => {} };
  }
  const server = https.createServer({ cert: pki.server.cert, key: pki.server.key }, async (request, response) => {
    const review = JSON.parse(Buffer.concat(await request.toArray()).toString());
    const { uid, operation, resource, namespace, object, oldObject, dryRun = false } = review.request;
    const verdict = answer({ operation, resource: resource.resource, namespace, object, oldObject, dryRun });
    const body = JSON.stringify({ ...review, request: undefined, response: { uid, ...responseOf(verdict, object) } });
    response.writeHead(200, { "content-type": "application/json" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    clientConfig: { url, caBundle },
    [Symbol.dispose]: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function responseOf(verdict: Verdict, object: Json): Json {
  if (!verdict.allowed) {
    const { message, code } = verdict;
    return {
      allowed: false,
      ...((message || code) && { status: { ...(message && { message }), ...(code && { code }) } }),
    };
  }
  if (!verdict.object) return { allowed: true };
  const patch = Buffer.from(JSON.stringify(jsonPatch.compare(object, verdict.object))).toString("base64");
  return { allowed: true, patchType: "JSONPatch", patch };
}
