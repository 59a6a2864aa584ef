/**
 * An esbuild plugin for packages that measure text. Their constants for text that is not ASCII take longer than
 * everything else: `new Intl.Segmenter()` and regular expressions with `\p{…}` at the top of a module take 8 to 18 ms
 * each at load; the emoji expression of string-width 4 (cli-table3) takes 1 ms at its first use. With this plugin all
 * are made at their first use, and ASCII text does not use them.
 */
import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

const constant = /^const (\w+) = (new Intl\.Segmenter\([^;]*\)|\/[^\n]*\\p\{[^\n]*\/[a-z]*);$/gm;

/** The source in which such constants are made at their first use. Exported for its test. */
export const deferConstants = (source: string): string => {
  const names: string[] = [];
  const deferred = source.replace(constant, (_, name: string, value: string) => {
    names.push(name);
    return `let __${name};\nconst __make_${name} = () => __${name} ??= ${value};`;
  });
  return names.reduce(
    (text, name) => text.replace(new RegExp(`(?<![\\w$])${name}(?![\\w$])`, "g"), `__make_${name}()`),
    deferred,
  );
};

const measuring = "const stringWidth = string => {\n";

/**
 * The source of string-width 4 with a fast path for plain ASCII, where each character is one column; later versions
 * have it. Exported for its test.
 */
export const asciiFirst = (source: string): string =>
  source.replace(
    measuring,
    `${measuring}\tif (typeof string === 'string' && /^[ -~]*$/.test(string)) return string.length;\n`,
  );

export const textWidth: Plugin = {
  name: "text-width",
  setup(build) {
    build.onLoad(
      { filter: /node_modules[\\/](string-width|wrap-ansi|slice-ansi|cli-truncate|log-update)[\\/].*\.js$/ },
      async ({ path }) => {
        const contents = asciiFirst(deferConstants(await readFile(path, "utf8")));
        if (/^const \w+ = new Intl\.Segmenter/m.test(contents))
          throw new Error(`${path}: it still makes a Segmenter at load`);
        if (contents.includes("emojiRegex()") && !contents.includes("[ -~]"))
          throw new Error(`${path}: it still searches ASCII text for emoji`);
        return { contents, loader: "js" };
      },
    );
  },
};
