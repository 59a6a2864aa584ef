/** The types of yargs-parser's entry that loads no module of Node; @types/yargs-parser describes the main entry only. */
declare module "yargs-parser/browser" {
  import type { DetailedArguments, Options } from "yargs-parser";

  const parser: {
    /** `__` makes the messages of its errors. */
    detailed(
      argv: readonly string[],
      options: Options & { readonly __: (message: string, key: string) => string },
    ): DetailedArguments;
  };
  // biome-ignore lint/style/noDefaultExport: it is the package's own
  export default parser;
}
