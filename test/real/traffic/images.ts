/**
 * The images of a bed's pods: what istiod, the sidecars and the test's own servers and clients run in. Made of the
 * programs that were built and of this machine's libraries and iptables; kept beside them, named by the checksum of all
 * that goes in.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { withLock } from "../mesh/lock.ts";
import { runProgram } from "../mesh/process.ts";
import { cached, ensureBuilt, fileOf } from "../mesh/programs.ts";
import { ensureEnvoy, envoyBinary } from "./envoy.ts";
import { checksum, type ImageConfig, type Layer, writeImage } from "./oci.ts";

interface Image extends ImageConfig {
  readonly layers: readonly Layer[];
}

/** The image of containers that live as the fixtures say (test/contract/lived-containers.ts). */
export const lifeImage = "docker.io/test/life:1";
/** The image of the test's own servers and clients, in each of its modes; every bed has it. */
export const appImage = "docker.io/test/app:1";
export const prometheusImage = "docker.io/prom/prometheus:v3.16.0";
export const pauseImage = "registry.k8s.io/pause:3.10";

/** Programs that the images of these Istio releases are made of. */
export const programsOfImages = (versions: readonly string[]): readonly string[] => [
  "traffic",
  "life",
  ...versions.flatMap((version) => [`istio-${version}`, `pilot-agent-${version}`]),
];

/** Files with the images that a bed with these Istio releases needs, made where they are not there yet. */
export async function ensureImages(
  versions: readonly string[],
  report: (line: string) => void = () => {},
): Promise<readonly string[]> {
  await ensureBuilt(programsOfImages(versions), report);
  await ensureEnvoy(report);
  const base = await proxyBase();
  const archives: string[] = [];
  for (const image of [
    pause(),
    app(),
    life(),
    ...versions.flatMap((version) => [pilot(version), proxy(version, base)]),
  ])
    archives.push(await ensureImage(image, report));
  return archives;
}

/** File with the image of Prometheus, made where it is not there yet. */
export async function ensurePrometheusImage(report: (line: string) => void = () => {}): Promise<string> {
  await ensureBuilt(["prometheus"], report);
  const layers = [common, program("prometheus", fileOf("prometheus", "bin/prometheus"))];
  return ensureImage(
    { name: prometheusImage, entrypoint: ["/usr/local/bin/prometheus"], user: "1000:1000", layers },
    report,
  );
}

/** The archive of an image, written where it is not there yet. */
async function ensureImage(image: Image, report: (line: string) => void): Promise<string> {
  const name = path.basename(image.name).replace(":", "-");
  const archive = `${cached(`image-${name}`, await checksumOf(image))}.tar`;
  if (fs.existsSync(archive)) return archive;
  await withLock(`${archive}.lock`, async () => {
    if (fs.existsSync(archive)) return;
    report(`writing the image ${image.name}`);
    const draft = `${archive}.${process.pid}`;
    try {
      await writeImage(`${draft}.tar`, image, image.layers, draft);
      fs.renameSync(`${draft}.tar`, archive);
    } finally {
      fs.rmSync(draft, { recursive: true, force: true });
      fs.rmSync(`${draft}.tar`, { force: true });
    }
  });
  return archive;
}

/** A program's path has the checksum of what it was built from; of this machine's own files the content counts. */
async function checksumOf(image: Image): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify({ ...image, layers: image.layers.map((each) => [...each]) }));
  hash.update(fs.readFileSync(path.join(import.meta.dirname, "oci.ts")));
  for (const what of image.layers.flatMap((layer) => [...layer.values()]))
    if ("file" in what && !what.file.startsWith(cacheRoot)) hash.update(await checksum(what.file));
  return hash.digest("hex");
}

const cacheRoot = path.dirname(cached("any", ""));

/** Users, certificates, and the folders that pods mount over. */
const common: Layer = new Map<string, Layer extends ReadonlyMap<string, infer V> ? V : never>([
  ["etc/passwd", { text: "root:x:0:0::/:/x\nistio-proxy:x:1337:1337::/:/x\n" }],
  ["etc/group", { text: "root:x:0:\nistio-proxy:x:1337:\n" }],
  ["etc/ssl/certs/ca-certificates.crt", { file: "/etc/ssl/certs/ca-certificates.crt", mode: 0o644 }],
  ...["run", "proc", "sys", "dev", "var/run/secrets"].map((name) => [name, { folder: 0o755 }] as const),
  ["tmp", { folder: 0o1777 }],
  ...[
    "var/lib/istio",
    "var/lib/istio/envoy",
    "var/lib/istio/data",
    "etc/istio",
    "etc/istio/proxy",
    "etc/istio/pod",
  ].map((name) => [name, { folder: 0o755, owner: 1337 }] as const),
]);

const program = (name: string, file: string): Layer => new Map([[`usr/local/bin/${name}`, { file }]]);
const traffic = (): Layer => program("app", fileOf("traffic", "bin/traffic"));
const pause = (): Image => ({
  name: pauseImage,
  entrypoint: ["/usr/local/bin/app", "pause"],
  layers: [common, traffic()],
});
const app = (): Image => ({
  name: appImage,
  entrypoint: ["/usr/local/bin/app"],
  user: "1000:1000",
  layers: [common, traffic()],
});

const life = (): Image => ({
  name: lifeImage,
  entrypoint: ["/usr/local/bin/life"],
  layers: [common, program("life", fileOf("life", "bin/life"))],
});

/** It names its user, or `runAsNonRoot` of istiod's pod refuses it. */
const pilot = (version: string): Image => ({
  name: `docker.io/istio/pilot:${version}`,
  entrypoint: ["/usr/local/bin/pilot-discovery"],
  user: "1337:1337",
  layers: [common, program("pilot-discovery", fileOf(`istio-${version}`, "bin/pilot-discovery"))],
});

const proxy = (version: string, base: Layer): Image => ({
  name: `docker.io/istio/proxyv2:${version}`,
  entrypoint: ["/usr/local/bin/pilot-agent"],
  layers: [
    common,
    base,
    new Map([
      ["usr/local/bin/pilot-agent", { file: fileOf(`pilot-agent-${version}`, "bin/pilot-agent") }],
      [
        "var/lib/istio/envoy/envoy_bootstrap_tmpl.json",
        { file: fileOf(`pilot-agent-${version}`, "bootstrap/envoy_bootstrap.json"), mode: 0o644 },
      ],
    ]),
  ],
});

/** Envoy, and iptables as istio-init wants it: both kinds, with nftables and the libraries that they need. */
async function proxyBase(): Promise<Layer> {
  const tables = ["/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi", "/usr/sbin/nft"];
  const layer = new Map<string, { file: string } | { link: string }>([["usr/local/bin/envoy", { file: envoyBinary }]]);
  for (const binary of [envoyBinary, ...tables])
    for (const [library] of (await runProgram("ldd", [binary])).matchAll(/\/[^ )]+/g))
      if (!library.endsWith(":")) layer.set(library.slice(1), { file: library });
  for (const binary of tables) layer.set(binary.slice(1), { file: binary });
  const extensions = await extensionFolder();
  for (const name of fs.readdirSync(extensions))
    if (name.endsWith(".so")) layer.set(path.join(extensions.slice(1), name), { file: path.join(extensions, name) });
  for (const kind of ["iptables", "ip6tables"])
    for (const suffix of ["", "-save", "-restore"])
      for (const [variant, binary] of [
        ["", "nft"],
        ["-nft", "nft"],
        ["-legacy", "legacy"],
      ])
        layer.set(`usr/sbin/${kind}${variant}${suffix}`, { link: `xtables-${binary}-multi` });
  return layer;
}

/** Where Debian has the extensions of iptables: by the machine's architecture. */
async function extensionFolder(): Promise<string> {
  const [folder] = fs.globSync("/usr/lib/*-linux-gnu/xtables");
  if (folder === undefined) throw new Error("a bed with traffic needs Debian's packages iptables and nftables");
  return folder;
}
