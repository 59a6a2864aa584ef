/**
 * An esbuild plugin for packages that measure text: `new Intl.Segmenter()` and `\p{…}` regular expressions at the top of a module cost 8 to
 * 18 ms each when it loads, and are used only for text that is not ASCII. They are made at first use instead.
 */
import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

const constant = /^const (\w+) = (new Intl\.Segmenter\([^;]*\)|\/[^\n]*\\p\{[^\n]*\/[a-z]*);$/gm;

/** Exported for its test. */
export const deferConstants = (source: string): string => {
  const names: string[] = [];
  const deferred = source.replace(constant, (_, name: string, value: string) => {
    names.push(name);
    return `let __${name};\nconst __make_${name} = () => __${name} ??= ${value};`;
  });
  return names.reduce((text, name) => text.replace(new RegExp(`(?<![\\w$])${name}(?![\\w$])`, "g"), `__make_${name}()`), deferred);
};

export const lazyIntl: Plugin = {
  name: "lazy-intl",
  setup(build) {
    build.onLoad(
      { filter: /node_modules[\\/](string-width|wrap-ansi|slice-ansi|cli-truncate|log-update)[\\/].*\.js$/ },
      async ({ path }) => {
        const source = await readFile(path, "utf8");
        const contents = deferConstants(source);
        if (/^const \w+ = new Intl\.Segmenter/m.test(contents)) throw new Error(`${path}: a Segmenter is still made when it loads`);
        return { contents, loader: "js" };
      },
    );
  },
};
