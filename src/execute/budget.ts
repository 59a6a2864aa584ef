/**
 * How many pods may be in flight at once over all workloads: istiod admits new proxies at a limited rate, so that
 * restarting faster than that gains nothing.
 */

export interface Budget {
  /**
   * Waits its turn for so many pods and gives back what releases them (once; again is nothing). First come, first
   * served: a large workload is not overtaken by small ones for ever. One larger than the whole budget waits for all
   * others and runs alone. Rejects with the signal's reason when it aborts before the turn comes.
   */
  acquire(pods: number, signal: AbortSignal): Promise<() => void>;
  /** Pods in flight. */
  inFlight(): number;
}

interface Turn {
  readonly pods: number;
  readonly start: () => void;
}

/** `limit` is at least 1. */
export function createBudget(limit: number): Budget {
  const queue: Turn[] = [];
  let running = 0;
  let inFlight = 0;

  const startNext = (): void => {
    for (let next = queue[0]; next && (running === 0 || inFlight + next.pods <= limit); next = queue[0]) {
      queue.shift();
      running++;
      inFlight += next.pods;
      next.start();
    }
  };
  const releaseOnce = (pods: number): (() => void) => {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      running--;
      inFlight -= pods;
      startNext();
    };
  };

  return {
    inFlight: () => inFlight,
    acquire: (pods, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const giveUp = (): void => {
          queue.splice(queue.indexOf(turn), 1);
          reject(signal.reason);
          startNext();
        };
        const turn: Turn = {
          pods,
          start: () => {
            signal.removeEventListener("abort", giveUp);
            resolve(releaseOnce(pods));
          },
        };
        signal.addEventListener("abort", giveUp, { once: true });
        queue.push(turn);
        startNext();
      }),
  };
}
