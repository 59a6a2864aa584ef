import type { OptionalRead } from "../optional-read.ts";

/**
 * A read on behalf of a check: a failure is recorded as what this check lacks. `essential`: what could not be seen may
 * stop the upgrade, so that the check cannot tell; else only a warning may be missing.
 */
export type ReadFor = (check: string, essential: boolean) => OptionalRead;
