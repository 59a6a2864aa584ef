/** The shortest command line with which a plugin has something to do. */
import { pluginRecord } from "../../scripts/plugins.ts";

/** `-n NAMESPACE`, and `--to REVISION` where the plugin demands it. */
export const leastArguments = async (
  plugin: string,
  namespace: string,
  revision: string,
): Promise<readonly string[]> =>
  (await pluginRecord(plugin)).options.to?.demandOption ? ["-n", namespace, "--to", revision] : ["-n", namespace];
