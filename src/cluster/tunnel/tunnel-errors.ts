/** How a port-forward fails: apart from tunnel.ts, which loads a library. */

/** A refusal before the tunnel was open: the server's answer to the upgrade. */
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

/** What the pod's side said on the tunnel's error channel, e.g. that nothing listens on the port. */
export class TunnelFailed extends Error {
  override readonly name = "TunnelFailed";
  readonly code = "TUNNEL_FAILED";
}
