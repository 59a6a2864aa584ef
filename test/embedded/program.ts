/**
 * A plugin as a process of its own that can be killed: from that instant on nothing of it reaches the API server any
 * more, whatever the code of it still does in this process.
 */
import type { Asked, Interception } from "./api/request.ts";
import { isEffect } from "./faults.ts";
import type { EmbeddedMesh, Result } from "./mesh.ts";
import { interrupt } from "./run.ts";
import type { Verb } from "./verbs.ts";

/** The instant of a kill: before a side effect is done, or when it is done and not answered. */
export interface KillPoint {
  /** From 0, of those that `of` matches. */
  readonly effect: number;
  readonly when: "before" | "after";
  readonly of?: (asked: Asked) => boolean;
}

export interface Program extends AsyncDisposable {
  /** USER of `--token` and of USER@HOST: no other program has it. */
  readonly user: string;
  /** Every write of it that reached the API server, in their order. */
  readonly effects: readonly Asked[];
  readonly isKilled: () => boolean;
  /** Its end; undefined once it was killed. */
  readonly ended: Promise<Result | undefined>;
  kill(): void;
}

let programs = 0;
const killedUsers = new Set<string>();
/** Whether requests of this user are those of a program that was killed: they do not reach the server. */
export const isOfKilled = ({ user }: Asked): boolean => killedUsers.has(user.name);

/**
 * Starts it; time has to pass for it to go on (`mesh.clock.during`). `delay` gives how long its next write takes to be
 * done (ms).
 */
export function startProgram(
  mesh: EmbeddedMesh,
  { plugin, args }: Pick<Verb, "plugin" | "args">,
  namespaces: readonly string[],
  at?: KillPoint,
  delay?: (asked: Asked) => number,
): Program {
  const user = `operator-${++programs}`;
  mesh.addUser(user, { name: user, groups: ["system:masters", "system:authenticated"] });
  const effects: Asked[] = [];
  let left = at?.effect ?? 0;
  const gone = new AbortController();
  const killed = new Promise<undefined>((resolve) => {
    gone.signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  const kill = (): void => {
    if (gone.signal.aborted) return;
    killedUsers.add(user);
    gone.abort(interrupt); // so that its code in this process comes to an end
    mesh.server.drop(user);
  };
  const meets = (asked: Asked): Interception | undefined => {
    if (asked.user.name !== user) return undefined;
    if (gone.signal.aborted) return { instead: "reset" };
    if (!isEffect(asked)) return undefined;
    const matches = at !== undefined && (at.of?.(asked) ?? true);
    const dies = matches && left-- === 0 ? at.when : undefined;
    if (dies !== "before") effects.push(asked);
    const late = delay && { delay: delay(asked) };
    if (dies === undefined) return late;
    kill();
    return dies === "before" ? { instead: "reset" } : { ...late, after: "reset" };
  };
  const stop = mesh.onRequest(meets);
  const running = mesh.run(plugin, ["--token", user, ...args(namespaces)], {
    operator: `${user}@host-${programs}`,
    signal: gone.signal,
  });
  running.catch(() => {});
  return {
    ...{ user, effects, kill },
    isKilled: () => gone.signal.aborted,
    ended: Promise.race([killed, running]),
    [Symbol.asyncDispose]: async () => {
      kill();
      await running;
      stop();
    },
  };
}

/** Runs it until it has ended or is killed. */
export const untilEnd = (mesh: EmbeddedMesh, { ended }: Program): Promise<Result | undefined> =>
  mesh.clock.during(ended);
