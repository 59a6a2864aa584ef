/**
 * Verifies the result of a migration without code of the plugins: pods as the API lists them, proxies as each istiod
 * lists them, documents by their schema.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { MigrationDocument } from "../../src/views/migration-view.ts";
import type { Json, MeshUnderTest, Run } from "./mesh-under-test.ts";

/** What the functions here ask of a mesh: one under test, or either kit. */
export type Seen = Pick<MeshUnderTest, "api" | "pods" | "heldProxies" | "eventually">;

/** The revision that injected a pod; undefined where none did. */
export const revisionOf = (pod: Json): string | undefined =>
  JSON.parse(pod.metadata.annotations?.["sidecar.istio.io/status"] ?? "{}").revision;

export const appOf = (pod: Json): string => pod.metadata.labels?.app;

export const isReady = (pod: Json): boolean =>
  pod.status.conditions?.some((each: Json) => each.type === "Ready" && each.status === "True") === true;

const isGoing = (pod: Json): boolean => pod.metadata.deletionTimestamp !== undefined;

/** Of the proxy's container, a native sidecar or not. */
const isProxyReady = ({ status }: Json): boolean =>
  [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].some(
    ({ name, ready }: Json) => name === "istio-proxy" && ready,
  );

export interface Which {
  /** Only these pods; all unless given. */
  readonly of?: (pod: Json) => boolean;
  /** Only istiods of these revisions are asked: for when others are stopped. */
  readonly among?: readonly string[];
}

/**
 * Asserts that every pod of the namespace is injected by the revision, ready with its proxy, held by istiods of that
 * revision alone with clusters and listeners acknowledged. Gives back the pods.
 */
export async function assertArrived(
  seen: Pick<Seen, "pods" | "heldProxies">,
  namespace: string,
  revision: string,
  { of = () => true, among }: Which = {},
): Promise<readonly Json[]> {
  const pods = (await seen.pods(namespace)).filter(of);
  assert.notEqual(pods.length, 0);
  assert.deepEqual(
    pods.map((pod) => [pod.metadata.name, revisionOf(pod), isReady(pod), isProxyReady(pod), isGoing(pod)]),
    pods.map((pod) => [pod.metadata.name, revision, true, true, false]),
    `injected by ${revision} and ready`,
  );
  const held = await seen.heldProxies(among);
  assert.deepEqual(
    pods.map(({ metadata: { name } }) => [name, held.get(`${name}.${namespace}`) ?? []]),
    pods.map(({ metadata: { name } }) => [name, [{ revision, cds: true, lds: true }]]),
    `connected to ${revision} alone and in sync`,
  );
  return pods;
}

/** The same, once it is so: for what only went on by itself. */
export async function eventuallyArrived(seen: Seen, namespace: string, revision: string, which?: Which): Promise<void> {
  let difference: unknown;
  const arrived = () =>
    assertArrived(seen, namespace, revision, which).then(
      () => true,
      (error: unknown) => {
        difference = error;
        return false;
      },
    );
  await seen.eventually(`${namespace} to be on ${revision}`, arrived, 60).catch(() => {
    throw difference;
  });
}

const namespaceOf = ({ api }: Pick<Seen, "api">, name: string): Promise<Json> => api.get(`/api/v1/namespaces/${name}`);

/** The two labels of a namespace that decide its injection, as they stand. */
export async function labelsOf(seen: Pick<Seen, "api">, namespace: string): Promise<Readonly<Record<string, string>>> {
  const { labels = {} } = (await namespaceOf(seen, namespace)).metadata;
  return Object.fromEntries(
    Object.entries<string>(labels).filter(([key]) => key === "istio-injection" || key === "istio.io/rev"),
  );
}

/** The undo record of a namespace. */
export async function recordOf(seen: Pick<Seen, "api">, namespace: string): Promise<Json> {
  const text = (await namespaceOf(seen, namespace)).metadata.annotations?.["kubectl-mesh/undo"];
  return text && JSON.parse(text);
}

/** Each pod by the name of its app and its UID. */
export const uidsOf = async (
  seen: Pick<Seen, "pods">,
  namespace: string,
  of: (pod: Json) => boolean = () => true,
): Promise<readonly string[]> =>
  (await seen.pods(namespace))
    .filter(of)
    .map((pod) => `${appOf(pod)} ${pod.metadata.uid}`)
    .sort();

/**
 * How many ReplicaSets each Deployment has, and revisions each StatefulSet and DaemonSet: one more for each restart.
 */
export async function templatesOf(
  { api }: Pick<Seen, "api">,
  namespace: string,
): Promise<Readonly<Record<string, number>>> {
  const lists = await Promise.all(
    ["replicasets", "controllerrevisions"].map((each) => api.get(`/apis/apps/v1/namespaces/${namespace}/${each}`)),
  );
  const owners: readonly Json[] = lists
    .flatMap(({ items }) => items)
    .map(({ metadata }: Json) => metadata.ownerReferences?.[0]);
  const counts = Map.groupBy(owners, (owner) => `${owner?.kind}/${owner?.name}`);
  return Object.fromEntries([...counts].map(([owner, each]): [string, number] => [owner, each.length]).sort());
}

/** The command that stands alone on the line after a title (`to go back:`); fails where there is none. */
export function commandAfter(title: string, output: string): string {
  const lines = output.split("\n");
  const command = lines[lines.indexOf(title) + 1]?.trim();
  assert.ok(lines.includes(title) && command !== undefined, `no command after "${title}" in:\n${output}`);
  assert.ok(command.startsWith("kubectl "), command);
  return command;
}

const schema = new URL("../../schemas/migration.schema.json", import.meta.url);
const validate = new Ajv2020({ strict: true, allErrors: true }).compile<MigrationDocument>(
  JSON.parse(readFileSync(schema, "utf8")),
);

/** The document of `-o json`, held against its schema and the exit code. */
export function documentOf({ stdout, stderr, code }: Run): MigrationDocument {
  assert.ok(stdout.startsWith("{"), `no document on stdout (exit ${code}): ${stdout}${stderr}`);
  const document: unknown = JSON.parse(stdout);
  assert.ok(validate(document), JSON.stringify(validate.errors, undefined, 2));
  assert.equal(document.exitCode, code);
  return document;
}
