/** What `kubectl mesh-cleanup` was asked for. */

export interface CleanupRequest {
  /** `default` is the install without a revision. */
  readonly revision: string;
  readonly istioNamespace: string;
  /** How long the revision has to have been unused (ms). */
  readonly soakMs: number;
  /** Why the soak is skipped: kept with the removal. */
  readonly reason: string | undefined;
  /** How long its connections are watched after its injector is off (ms); undefined: as long as the soak demands. */
  readonly drainMs: number | undefined;
}
