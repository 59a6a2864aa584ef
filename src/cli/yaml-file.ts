/** A file of the user, in YAML or JSON, that a flag names. */
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import {
  CORE_SCHEMA,
  EVENT_MAPPING,
  EVENT_POP,
  EVENT_SCALAR,
  EVENT_SEQUENCE,
  type Event,
  load,
  parseEvents,
} from "js-yaml";
import { printable } from "../cluster/printable.ts";
import { UsageError } from "./exit-errors.ts";

/** What is wrong with a value of the file, and which value it is: names of fields, and places in lists. */
interface Fault {
  readonly at: readonly (string | number)[];
  readonly message: string;
}

/** No file of ours is longer. */
const mostBytes = 1024 * 1024;

/** What `readYamlFile` gives; nothing where the flag was not given. */
export const readGivenFile = <T extends object>(
  flag: string,
  file: string | undefined,
  check: (value: unknown) => T | { readonly fault: Fault },
): Partial<T> => (file === undefined ? {} : readYamlFile(flag, file, check));

/**
 * Reads the file and gives what `check` makes of it. Throws `UsageError` that names the flag, the file and the line where
 * it cannot be read, is no YAML, or has a fault.
 */
export function readYamlFile<T extends object>(
  flag: string,
  file: string,
  check: (value: unknown) => T | { readonly fault: Fault },
): T {
  const named = `${flag} ${printable(file)}`;
  const text = readText(named, file);
  let value: unknown;
  try {
    value = load(text, { schema: CORE_SCHEMA });
  } catch (cause) {
    const { reason, mark } = cause as { reason?: string; mark?: { line?: number } };
    throw new UsageError(`${named}: ${lineText(mark?.line)}it is not YAML: ${printable(reason ?? "")}`);
  }
  const checked = check(value);
  if (!("fault" in checked)) return checked as T;
  const { at, message } = checked.fault;
  const place = at.length === 0 ? "" : `${pathText(at)}: `;
  throw new UsageError(`${named}: ${lineText(lineOf(text, at))}${printable(place + message)}`);
}

function readText(named: string, file: string): string {
  try {
    const descriptor = openSync(file, "r");
    try {
      const { size } = fstatSync(descriptor);
      if (size > mostBytes) throw new Error(`it has more than ${mostBytes} bytes`);
      return readFileSync(descriptor, "utf8");
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new UsageError(`${named} cannot be read: ${printable((error as Error).message)}`);
  }
}

const lineText = (line: number | undefined): string => (line === undefined ? "" : `line ${line + 1}: `);

/** `owners[2].annotations`, the first entry of a list being 0. */
const pathText = (at: Fault["at"]): string =>
  at.map((step, index) => (typeof step === "number" ? `[${step}]` : index === 0 ? step : `.${step}`)).join("");

/** The line (from 0) of the value at this path, or of the last part of the path that there is. */
function lineOf(text: string, at: Fault["at"]): number | undefined {
  const events = parseEvents(text, {});
  let next = events.findIndex(({ type }) => type === EVENT_MAPPING || type === EVENT_SEQUENCE);
  let start: number | undefined;
  for (const step of at) {
    const found = childAt(events, next, step, text);
    if (found === undefined) break;
    [next, start] = [found.index, found.start];
  }
  return start === undefined ? undefined : text.slice(0, start).split("\n").length - 1;
}

/** A child of the mapping or sequence at `index`: where its event is, and where it begins in the text. */
function childAt(
  events: readonly Event[],
  index: number,
  step: string | number,
  text: string,
): { readonly index: number; readonly start: number } | undefined {
  const inMapping = events[index]?.type === EVENT_MAPPING;
  let place = index + 1;
  for (let count = 0; place < events.length && events[place]?.type !== EVENT_POP; count++) {
    const value = inMapping ? afterValue(events, place) : place;
    const key = events[place];
    const name = inMapping && key?.type === EVENT_SCALAR ? text.slice(key.valueStart, key.valueEnd) : count;
    if (name === step) {
      const start = firstScalar(events, place);
      return start === undefined ? undefined : { index: value, start };
    }
    place = afterValue(events, value);
  }
  return undefined;
}

/** The place after a value with all that is in it. */
function afterValue(events: readonly Event[], index: number): number {
  let depth = 0;
  for (let place = index; place < events.length; place++) {
    const type = events[place]?.type;
    if (type === EVENT_MAPPING || type === EVENT_SEQUENCE) depth++;
    else if (type === EVENT_POP) depth--;
    if (depth === 0) return place + 1;
  }
  return events.length;
}

function firstScalar(events: readonly Event[], index: number): number | undefined {
  for (const event of events.slice(index)) if (event.type === EVENT_SCALAR) return event.valueStart;
  return undefined;
}
