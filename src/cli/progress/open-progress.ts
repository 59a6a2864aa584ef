/** Chooses how progress is shown: live or as lines. */
import type { Progress } from "../../execute/progress.ts";
import type { Io } from "../io.ts";

/** A live tree on a terminal that can be redrawn, plain lines with the time elsewhere. */
export const openProgress = async (io: Io): Promise<Progress> =>
  io.terminal.live
    ? (await import("./live-progress.ts")).liveProgress(io)
    : (await import("./plain-progress.ts")).plainProgress(io);
