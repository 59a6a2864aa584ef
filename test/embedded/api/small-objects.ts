/** Checks of the small objects that say who does what: Events, Leases, ConfigMaps (pkg/apis of kubernetes). */
import { isDeepStrictEqual } from "node:util";
import type { Json, KubeJson } from "../object.ts";
import type { Resource } from "./resources.ts";
import { type Cause, forbiddenValue, invalidValue, requiredValue } from "./status.ts";

/** What is wrong with it; empty for every other resource. `before` is absent for what is new. */
export function smallObjectCauses(
  { plural }: Resource,
  before: KubeJson | undefined,
  object: KubeJson,
): readonly Cause[] {
  if (plural === "events") return eventCauses(object);
  if (plural === "leases") return leaseCauses(object.spec ?? {});
  return plural === "configmaps" ? configMapCauses(before, object) : [];
}

const bytes = (text: string): number => Buffer.byteLength(text);
const qualifiedName = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const qualifiedWords =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/** pkg/apis/core/validation/events.go, `legacyValidateEvent`: all that core/v1 asks. With `eventTime` it is new-style. */
function eventCauses({ metadata, involvedObject, ...event }: KubeJson): readonly Cause[] {
  const of: string = involvedObject?.namespace ?? "";
  const elsewhere = invalidValue("involvedObject.namespace", of, "does not match event.namespace");
  if (event.eventTime === null || event.eventTime === undefined)
    return (of === "" ? "default" : of) === metadata.namespace ? [] : [elsewhere];
  const limited = (field: string, most: number, required: boolean): readonly Cause[] => {
    const text: string = event[field] ?? "";
    if (text === "") return required ? [requiredValue(field)] : [];
    return bytes(text) > most ? [invalidValue(field, "", `can have at most ${most} characters`)] : [];
  };
  const component: string = event.reportingComponent ?? "";
  return [
    ...(of === "" && !["default", "kube-system"].includes(metadata.namespace ?? "") ? [elsewhere] : []),
    ...(component === "" ? [requiredValue("reportingComponent")] : []),
    ...(qualifiedName.test(component) ? [] : componentCauses(component)),
    ...limited("reportingInstance", 128, true),
    ...limited("action", 128, true),
    ...limited("reason", 128, true),
    ...limited("message", 1024, false),
  ];
}

const componentCauses = (component: string): readonly Cause[] => [
  ...(component === "" ? [invalidValue("reportingComponent", component, "name part must be non-empty")] : []),
  invalidValue("reportingComponent", component, qualifiedWords),
];

/** pkg/apis/coordination/validation/validation.go. No field of it is required. */
const leaseCauses = (spec: Json): readonly Cause[] => [
  ...(spec.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0
    ? [invalidValue("spec.leaseDurationSeconds", spec.leaseDurationSeconds, "must be greater than 0")]
    : []),
  ...(spec.leaseTransitions !== undefined && spec.leaseTransitions < 0
    ? [invalidValue("spec.leaseTransitions", spec.leaseTransitions, "must be greater than or equal to 0")]
    : []),
];

const maxConfigMapBytes = 1024 * 1024;
const immutable = "field is immutable when `immutable` is set";
const keyWords =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/** pkg/apis/core/validation/validation.go, `ValidateConfigMap` and `ValidateConfigMapUpdate`. */
function configMapCauses(before: KubeJson | undefined, { data, binaryData, ...rest }: KubeJson): readonly Cause[] {
  const keys = Object.keys(data ?? {}).filter((key) => !/^[-._a-zA-Z0-9]{1,253}$/.test(key));
  const texts = Object.values<string>(data ?? {}).reduce((sum, text) => sum + bytes(text), 0);
  const binary = Object.values<string>(binaryData ?? {}).reduce((sum, text) => sum + bytes(atob(text)), 0);
  return [
    ...(before?.immutable === true && rest.immutable !== true ? [forbiddenValue("immutable", immutable)] : []),
    ...(before?.immutable === true && !isDeepStrictEqual(before.data, data) ? [forbiddenValue("data", immutable)] : []),
    ...keys.map((key) => invalidValue(`data[${key}]`, key, keyWords)),
    ...(texts + binary > maxConfigMapBytes
      ? [
          {
            reason: "FieldValueTooLong",
            message: `Too long: may not be more than ${maxConfigMapBytes} bytes`,
            field: "",
          },
        ]
      : []),
  ];
}
