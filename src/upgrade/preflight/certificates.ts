/** Bundles of CA certificates: compared by what they contain, whatever their order and line breaks are. Pure. */

/** The text of a `caBundle`, which is base64; empty for a text that is not. */
export const decodedBundle = (caBundle: string): string => {
  try {
    return atob(caBundle);
  } catch {
    return "";
  }
};

const pem = /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g;

/** The certificates of a PEM bundle, each once, without white space. A text without any is one of its own kind. */
export const certificatesIn = (bundle: string): readonly string[] => {
  const found = [...bundle.matchAll(pem)].flatMap(([, body]) => body?.replaceAll(/\s+/g, "") || []);
  const plain = bundle.trim();
  return found.length > 0 ? [...new Set(found)] : plain === "" ? [] : [plain];
};
