/** Time as the waiting code sees it; tests have one that stands still until it is moved. */
export interface Clock {
  /** Milliseconds; only ever goes forward, and says nothing about the time of day. */
  now(): number;
  /** Runs once after so many milliseconds; what is given back calls it off. */
  after(millis: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (millis, run) => {
    const timer = setTimeout(run, millis);
    return () => clearTimeout(timer);
  },
};
