/** Time for code that waits. Tests have a clock that stands still until they move it. */
export interface Clock {
  /** Milliseconds since some moment; never goes back, and is not the time of day. */
  now(): number;
  /**
   * The time of day of this machine: milliseconds since the epoch. It jumps when somebody sets it. While a Linux machine
   * sleeps only this time goes on; on macOS and Windows `now` goes on too (libuv's `uv_hrtime`). It measures no wait.
   */
  wall(): number;
  /** Calls `run` once after so many milliseconds; gives a function that cancels it. */
  after(millis: number, run: () => void): () => void;
  /** Aborts, with a `TimeoutError`, after so many milliseconds. Does not keep the process alive. */
  timeout(millis: number): AbortSignal;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (millis, run) => {
    const timer = setTimeout(run, millis);
    return () => clearTimeout(timer);
  },
  // AbortSignal.timeout throws for a part of a millisecond.
  timeout: (millis) => AbortSignal.timeout(Math.ceil(millis)),
};

/** What the promise gives, or `undefined` as soon as the signal aborts; what the promise waits for goes on. */
export const unlessAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
    if (signal.aborted) stop();
  });

/** Waits so long, or until the signal aborts; never rejects. */
export const sleep = (clock: Clock, millis: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.after(millis, done);
    signal?.addEventListener("abort", done, { once: true });
    if (signal?.aborted) done();
  });
