/** The bill of materials of an archive, as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/). */
import { createHash } from "node:crypto";
import type { Component } from "./components.ts";

/** `at` in seconds since 1970. */
export const billOfMaterials = (
  program: { readonly name: string; readonly version: string; readonly license: string },
  components: readonly Component[],
  at: number,
): string => {
  const own = `pkg:generic/${program.name}@${program.version}`;
  const bill = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: new Date(at * 1000).toISOString(),
      component: {
        type: "application",
        "bom-ref": own,
        name: program.name,
        version: program.version,
        purl: own,
        licenses: [{ license: { id: program.license } }],
      },
    },
    components: components.map(({ name, version, license, purl, sha512, within }) => ({
      type: "library",
      "bom-ref": purl,
      name,
      version,
      purl,
      ...(sha512 !== undefined && { hashes: [{ alg: "SHA-512", content: sha512 }] }),
      licenses: [{ expression: license }],
      ...(within && {
        components: Object.entries(within).map(([part, itsVersion]) => ({
          type: "library",
          "bom-ref": `${purl}#${part}`,
          name: part,
          version: itsVersion,
        })),
      }),
    })),
    dependencies: [{ ref: own, dependsOn: components.map(({ purl }) => purl) }],
  };
  return `${JSON.stringify({ serialNumber: `urn:uuid:${uuidOf(JSON.stringify(bill))}`, ...bill }, undefined, 2)}\n`;
};

/** A UUID of version 8 (RFC 9562), made from the contents, so that the same bill has the same number. */
const uuidOf = (text: string): string =>
  createHash("sha256")
    .update(text)
    .digest("hex")
    .replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-8$3-8$4-$5");
