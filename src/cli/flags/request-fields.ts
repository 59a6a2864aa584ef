/** What flags that several plugins share are in a request: no field where the flag was not given. */

/** `--proof`: only the weaker one is asked for. */
export const proofOf = ({ proof }: { readonly proof: string }): { readonly proof?: "pods" } =>
  proof === "pods" ? { proof } : {};

/** `--set-label`. */
export const setLabelsOf = ({
  setLabel,
}: {
  readonly setLabel: Readonly<Record<string, string>>;
}): { readonly setLabels?: Readonly<Record<string, string>> } =>
  Object.keys(setLabel).length > 0 ? { setLabels: setLabel } : {};
