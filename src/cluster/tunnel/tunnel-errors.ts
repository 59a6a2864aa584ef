/** The errors of a port-forward; in a file of their own because tunnel.ts loads a library. */

/** The API server refused the upgrade to a websocket; this is its answer. */
export class UpgradeRefused extends Error {
  override readonly name = "UpgradeRefused";
  readonly status: number;
  readonly headers: NodeJS.Dict<string[]>;
  readonly body: string;
  constructor(status: number, headers: NodeJS.Dict<string[]>, body: string) {
    super(`the upgrade was answered ${status}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

/** The pod's side sent an error over the tunnel, for instance that nothing listens on the port. */
export class TunnelFailed extends Error {
  override readonly name = "TunnelFailed";
  readonly code = "TUNNEL_FAILED";
}
