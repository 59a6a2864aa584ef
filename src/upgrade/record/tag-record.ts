/** The undo record of one object of a tag: what a tag move found before it changed the object, as data and as text. */
import type { Labels, WebhookEntry } from "../../mesh/kubernetes.ts";
import {
  fields,
  isInstant,
  isLabelValue,
  isMalformed,
  type Malformed,
  type RecordFields,
  versionedFields,
} from "./record-fields.ts";
import { type FromRevision, fromRevisionOf } from "./undo-record.ts";

/** The parts of an object that a tag move writes. Everything else of the object stays as it is. */
export interface TagParts {
  readonly labels: Labels;
  /** Of a webhook configuration, without CA bundles: those are istiod's. */
  readonly webhooks?: readonly WebhookEntry[] | undefined;
  /** Of a Service. */
  readonly service?: { readonly selector: Labels; readonly ports: readonly object[] } | undefined;
}

/** The undo record of one object. Its text is the value of annotation `kubectl-mesh/undo` of the object. */
export interface TagRecord {
  readonly version: 1;
  /** Id of the run that wrote it. */
  readonly run: string;
  readonly tag: string;
  /** The revision that the tag was moved to. */
  readonly target: string;
  /** The revision that the tag had, with the UID of its istiod Deployment; null: there was no such tag. */
  readonly from: FromRevision | null;
  /** The restart stamp of the run: RFC 3339, by the API server's clock. */
  readonly stamp: string;
  /** null: the run created the object. */
  readonly before: TagParts | null;
  /** What the run wrote: an object with other parts was changed by somebody else since. */
  readonly after: TagParts;
  /** `open` until everything behind the tag is proven. */
  readonly state: "open" | "done";
}

/** The text of a record, for the annotation. The order of the fields is always the same. */
export const tagRecordText = (record: TagRecord): string => {
  const { version, run, tag, target, from, stamp, before, after, state } = record;
  return JSON.stringify({ version, run, tag, target, from, stamp, before, after, state });
};

/** The record in a text of the annotation. Unknown fields are ignored. Never throws. */
export const parseTagRecord = (text: string): TagRecord | Malformed => {
  const read = versionedFields(text);
  if (isMalformed(read)) return read;
  const { run, tag, target, stamp, state } = read.record;
  const from = read.record.from === null ? null : fromRevisionOf(fields(read.record.from));
  const before = read.record.before === null ? null : partsIn(fields(read.record.before));
  const after = partsIn(fields(read.record.after));
  if (!isLabelValue(run) || !isLabelValue(tag) || !isLabelValue(target) || !isInstant(stamp))
    return { malformed: "its field run, tag, target or stamp is missing" };
  if (state !== "open" && state !== "done") return { malformed: "its field state is neither open nor done" };
  if (from === undefined || before === undefined || after === undefined)
    return {
      malformed: `its field ${from === undefined ? "from" : before === undefined ? "before" : "after"} is incomplete`,
    };
  return { version: 1, run, tag, target, from, stamp, before, after, state };
};

/** A record that is damaged here would be written to an object of the whole cluster: each field is looked at. */
const partsIn = ({ labels, webhooks, service }: RecordFields): TagParts | undefined => {
  if (!isLabels(labels) || !(webhooks === undefined || isEntries(webhooks))) return undefined;
  if (service === undefined) return { labels, webhooks };
  const { selector, ports } = fields(service);
  return isLabels(selector) && Array.isArray(ports) && ports.every(isObject)
    ? { labels, webhooks, service: { selector, ports } }
    : undefined;
};

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isLabels = (value: unknown): value is Labels =>
  isObject(value) && Object.values(value).every((each) => typeof each === "string");
const isEntries = (value: unknown): value is readonly WebhookEntry[] =>
  Array.isArray(value) &&
  value.every((entry) => typeof fields(entry).name === "string" && isObject(fields(entry).clientConfig));
