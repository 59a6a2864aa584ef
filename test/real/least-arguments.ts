/** The shortest command line with which a plugin has something to do. */
import { pluginRecord } from "../../scripts/plugins.ts";

/** `-n NAMESPACE`, and `--to REVISION` where the plugin has it; a look at the revision where it is about one. */
export const leastArguments = async (
  plugin: string,
  namespace: string,
  revision: string,
): Promise<readonly string[]> => {
  const { options } = await pluginRecord(plugin);
  if (options.namespace === undefined) return ["--revision", revision, "--check-only"];
  return options.to ? ["-n", namespace, "--to", revision] : ["-n", namespace];
};
