/** What became of a migration: pods as they are stored, proxies as the istiods hold them, documents by their schema. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { undoAnnotation } from "../../src/mesh/model.ts";
import type { MigrationDocument } from "../../src/views/migration.ts";
import type { EmbeddedMesh, Result, RunOptions } from "./mesh.ts";
import { isGoing, isReady, type Json, type KubeJson } from "./object.ts";
import { revisionOf, statusesOf } from "./pods/life.ts";

/** Asserts that every pod (of those wanted) is injected by the revision, ready with its proxy, and held in sync by istiods of that revision alone. */
export async function assertArrived(
  mesh: EmbeddedMesh,
  namespace: string,
  revision: string,
  of: (pod: Json) => boolean = () => true,
): Promise<readonly Json[]> {
  const pods = (await mesh.pods(namespace)).filter(of);
  assert.notEqual(pods.length, 0);
  const proxyReady = (pod: KubeJson): boolean => statusesOf(pod).some(({ name, ready }) => name === "istio-proxy" && ready);
  assert.deepEqual(
    pods.map((pod) => [pod.metadata.name, revisionOf(pod), isReady(pod), proxyReady(pod), isGoing(pod)]),
    pods.map((pod) => [pod.metadata.name, revision, true, true, false]),
    `injected by ${revision} and ready`,
  );
  const held = Map.groupBy(mesh.planes.held(), ({ connection }) => connection.proxy);
  assert.deepEqual(
    pods.map(({ metadata: { name } }) => [
      name,
      (held.get(`${name}.${namespace}`) ?? []).map(({ revision: of, connection: { cds, lds } }) => [of, cds.state, lds.state]),
    ]),
    pods.map(({ metadata: { name } }) => [name, [[revision, "acked", "acked"]]]),
    `connected to ${revision} alone and in sync`,
  );
  return pods;
}

/** The same, once it is so. */
export const eventuallyArrived = (mesh: EmbeddedMesh, namespace: string, revision: string): Promise<boolean> =>
  mesh.eventually(`${namespace} to be on ${revision}`, () => assertArrived(mesh, namespace, revision).then(() => true));

const namespaceOf = ({ store, resources }: EmbeddedMesh, name: string): KubeJson => {
  const found = store.get(resources.named("namespaces"), undefined, name);
  assert.ok(found, `no namespace ${name}`);
  return found;
};

/** The two labels of a namespace that decide its injection, as they stand. */
export const labelsOf = (mesh: EmbeddedMesh, namespace: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(namespaceOf(mesh, namespace).metadata.labels ?? {}).filter(
      ([key]) => key === "istio-injection" || key === "istio.io/rev",
    ),
  );

/** The undo record of a namespace. */
export const recordOf = (mesh: EmbeddedMesh, namespace: string): Json => {
  const text = namespaceOf(mesh, namespace).metadata.annotations?.[undoAnnotation];
  return text && JSON.parse(text);
};

export const uidsOf = async (mesh: EmbeddedMesh, namespace: string, of: (pod: Json) => boolean = () => true): Promise<readonly string[]> =>
  (await mesh.pods(namespace))
    .filter(of)
    .map(({ metadata }) => `${metadata.labels?.app} ${metadata.uid}`)
    .sort();

/** How many templates each workload has had. */
export function templatesOf({ store, resources }: EmbeddedMesh, namespace: string): Readonly<Record<string, number>> {
  const owned = ["replicasets", "controllerrevisions"].flatMap((plural) => store.list(resources.named(plural), namespace));
  const counts = Map.groupBy(owned, ({ metadata }) => `${metadata.ownerReferences?.[0]?.kind}/${metadata.ownerReferences?.[0]?.name}`);
  return Object.fromEntries([...counts].map(([owner, each]): [string, number] => [owner, each.length]).sort());
}

const schema = new URL("../../schemas/migration.schema.json", import.meta.url);
const validate = new Ajv2020({ strict: true, allErrors: true }).compile<MigrationDocument>(JSON.parse(readFileSync(schema, "utf8")));

/** The document of `-o json`, held against its schema and the exit code. */
export function documentOf({ stdout, stderr, code }: Result): MigrationDocument {
  assert.ok(stdout.startsWith("{"), `no document on stdout (exit ${code}): ${stdout}${stderr}`);
  const document: unknown = JSON.parse(stdout);
  assert.ok(validate(document), JSON.stringify(validate.errors, undefined, 2));
  assert.equal(document.exitCode, code);
  return document;
}

/** Options of a run that call `act` at the first line of stderr that matches; `done` settles with it. */
export function once(line: RegExp, act: () => unknown): RunOptions & { readonly done: () => Promise<void> } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => {});
  let [seen, begun] = ["", false];
  return {
    done: () => {
      assert.ok(begun, `no line of stderr matches ${line}:\n${seen}`);
      return promise;
    },
    onStderr: (text) => {
      seen += text;
      if (begun || !line.test(seen)) return;
      begun = true;
      void Promise.resolve()
        .then(act)
        .then(() => resolve(), reject);
    },
  };
}
