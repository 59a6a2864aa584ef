/**
 * Loaded before a program (`--import`): writes a line to $REQUEST_LOG for every answer to a request of `node:http` or
 * `node:https`.
 */
import diagnostics from "node:diagnostics_channel";
import fs from "node:fs";
import type { ClientRequest, IncomingMessage } from "node:http";

const log = process.env.REQUEST_LOG as string;
const began = new WeakMap<ClientRequest, number>();

diagnostics.subscribe("http.client.request.start", (message) => {
  began.set((message as { readonly request: ClientRequest }).request, performance.now());
});
diagnostics.subscribe("http.client.response.finish", (message) => {
  const { request, response } = message as { readonly request: ClientRequest; readonly response: IncomingMessage };
  const at = began.get(request) ?? Number.NaN;
  const push = response.push;
  let bytes = 0;
  response.push = (chunk, encoding) => {
    if (chunk !== null) bytes += chunk.length;
    else {
      const what = `${request.method} ${request.path.replace(/continue=[^&]+/, "continue=…")}`;
      fs.appendFileSync(log, `${JSON.stringify({ what, at, took: performance.now() - at, bytes })}\n`);
    }
    return push.call(response, chunk, encoding);
  };
});
