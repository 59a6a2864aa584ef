/** The certificates of the embedded istiods: one authority for all revisions, as in a mesh of one root. */
import { makePki, type Pki } from "../../cluster/pki.ts";
import type { Json } from "../object.ts";

let made: Promise<Pki> | undefined;

/** Made once a process; the certificate is of every Service of the Istio namespace. */
export const istiodPki = (): Promise<Pki> => {
  made ??= makePki("istiod-ca", ["*.istio-system.svc"]);
  return made;
};

/** The objects with the authority in their webhooks' `caBundle`, as istiod writes it there. */
export async function withAuthority(objects: readonly Json[]): Promise<readonly Json[]> {
  const caBundle = Buffer.from((await istiodPki()).ca).toString("base64");
  return objects.map((object) =>
    ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"].includes(object.kind)
      ? {
          ...object,
          webhooks: object.webhooks.map((entry: Json) => ({
            ...entry,
            clientConfig: { ...entry.clientConfig, ...(entry.clientConfig.caBundle && { caBundle }) },
          })),
        }
      : object,
  );
}
