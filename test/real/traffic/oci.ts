/**
 * Writes images as OCI archives, without a registry or a container engine: one manifest, its layers as plain tars
 * (https://github.com/opencontainers/image-spec/blob/main/image-layout.md), as `ctr images import` reads them.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { runProgram } from "../mesh/process.ts";

export interface ImageConfig {
  /** Its whole name, as pods say it: `docker.io/istio/pilot:1.29.1`. */
  readonly name: string;
  readonly entrypoint: readonly string[];
  /** `uid:gid`; root unless given. */
  readonly user?: string;
}

/** Files of a layer: path in the image → file of this machine, or the text, or where a link leads. */
export type Layer = ReadonlyMap<
  string,
  | { readonly file: string; readonly mode?: number }
  | { readonly text: string }
  | { readonly link: string }
  | { readonly folder: number; readonly owner?: number }
>;

/** Writes an archive of an image of these layers. `work` is a folder for drafts. */
export async function writeImage(
  archive: string,
  config: ImageConfig,
  layers: readonly Layer[],
  work: string,
): Promise<void> {
  const layout = path.join(work, "layout");
  const blobs = path.join(layout, "blobs", "sha256");
  fs.rmSync(work, { recursive: true, force: true });
  fs.mkdirSync(blobs, { recursive: true });
  const digests: { digest: string; size: number }[] = [];
  for (const [index, layer] of layers.entries()) {
    const root = path.join(work, `layer-${index}`);
    layOut(root, layer);
    const tar = path.join(work, "layer.tar");
    const steady = ["--sort=name", "--mtime=@0", "--numeric-owner"];
    await runProgram("tar", ["-C", root, ...steady, "-cf", tar, "."]);
    const digest = await checksum(tar);
    digests.push({ digest: `sha256:${digest}`, size: fs.statSync(tar).size });
    fs.renameSync(tar, path.join(blobs, digest));
  }
  const blob = (object: object) => {
    const text = JSON.stringify(object);
    const digest = createHash("sha256").update(text).digest("hex");
    fs.writeFileSync(path.join(blobs, digest), text);
    return { digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
  };
  const oci = "application/vnd.oci.image";
  const manifest = blob({
    schemaVersion: 2,
    mediaType: `${oci}.manifest.v1+json`,
    config: {
      mediaType: `${oci}.config.v1+json`,
      ...blob({
        architecture: process.arch === "arm64" ? "arm64" : "amd64",
        os: "linux",
        config: {
          User: config.user ?? "",
          Entrypoint: config.entrypoint,
          Env: ["PATH=/usr/local/bin:/usr/sbin:/usr/bin"],
        },
        rootfs: { type: "layers", diff_ids: digests.map(({ digest }) => digest) },
      }),
    },
    layers: digests.map((layer) => ({ mediaType: `${oci}.layer.v1.tar`, ...layer })),
  });
  const annotations = { "io.containerd.image.name": config.name, "org.opencontainers.image.ref.name": config.name };
  const manifests = [{ mediaType: `${oci}.manifest.v1+json`, ...manifest, annotations }];
  fs.writeFileSync(path.join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  fs.writeFileSync(path.join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  await runProgram("tar", ["-C", layout, "-cf", archive, "oci-layout", "index.json", "blobs"]);
}

function layOut(root: string, layer: Layer): void {
  for (const [name, what] of layer) {
    const at = path.join(root, name);
    fs.mkdirSync(path.dirname(at), { recursive: true });
    if ("folder" in what) {
      fs.mkdirSync(at, { recursive: true });
      fs.chmodSync(at, what.folder);
      if (what.owner !== undefined) fs.chownSync(at, what.owner, what.owner);
    } else if ("link" in what) fs.symlinkSync(what.link, at);
    else if ("text" in what) fs.writeFileSync(at, what.text, { mode: 0o644 });
    else {
      fs.copyFileSync(what.file, at);
      fs.chmodSync(at, what.mode ?? 0o755);
    }
  }
}

/** SHA-256 of a file, in hex. */
export async function checksum(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of fs.createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}
