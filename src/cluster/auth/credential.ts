/** What requests are signed with, and how it is renewed. */
import { unlessAborted } from "../clock.ts";

/** What a request is signed with. Never printed. */
export interface Credential {
  /** Value of the `Authorization` header. */
  readonly authorization?: string | undefined;
  /** PEM of the client certificate and its key. */
  readonly certificate?: Certificate | undefined;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Where credentials come from. */
export interface Credentials {
  /**
   * The current credential; fetches one where there is none or it is about to expire. Throws `ClusterError` (config or
   * unauthorized).
   */
  current(): Promise<Credential>;
  /**
   * The server refused `used` (401): fetches another one, unless that was already done. False where there is no other.
   */
  renew(used: Credential): Promise<boolean>;
}

/**
 * Does something with the current credential. Where the server refuses it (401) and another one can be had, does it
 * once more with that one. Gives `undefined` where the signal aborts while a credential is waited for.
 */
export async function withCredential<T>(
  credentials: Credentials,
  signal: AbortSignal,
  act: (credential: Credential) => Promise<T>,
  isRefused: (outcome: T) => boolean,
): Promise<T | undefined> {
  const credential = await unlessAborted(credentials.current(), signal);
  if (credential === undefined) return undefined;
  const outcome = await act(credential);
  if (!isRefused(outcome)) return outcome;
  const another = async (): Promise<Credential | "none"> =>
    (await credentials.renew(credential)) ? credentials.current() : "none";
  const renewed = await unlessAborted(another(), signal);
  return renewed === "none" ? outcome : renewed && act(renewed);
}

export interface ExecContext {
  readonly env: NodeJS.ProcessEnv;
  readonly warn: (message: string) => void;
}

/**
 * Credentials that are fetched by `fetch` when first needed, when they are about to expire and after a 401; never twice
 * at once. `expires` is in milliseconds since the epoch.
 */
export function fetchedCredentials(
  fetch: () => Promise<Credential & { readonly expires?: number | undefined }>,
  now: () => number = Date.now,
): Credentials {
  let held: Credential | undefined;
  let staleAt = Number.POSITIVE_INFINITY;
  let fetching: Promise<Credential> | undefined;
  const once = (): Promise<Credential> => {
    fetching ??= fetch()
      .then(({ expires, ...credential }) => {
        held = credential;
        // 30 s early, so that it does not expire during a request; later for a short-lived one, or it would be fetched
        // for every request.
        staleAt =
          expires === undefined
            ? Number.POSITIVE_INFINITY
            : expires - Math.min(30_000, Math.max(0, expires - now()) / 2);
        return held;
      })
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  };
  return {
    current: async () => (held !== undefined && now() < staleAt && fetching === undefined ? held : once()),
    renew: async (used) => {
      if (held === used || fetching !== undefined) await once();
      return true;
    },
  };
}
