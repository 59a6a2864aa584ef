/**
 * An esbuild plugin for packages that measure text. What they need for text that is not ASCII takes longer to make than
 * all else they do:
 * `new Intl.Segmenter()` and `\p{…}` regular expressions at the top of a module 8 to 18 ms each when it loads, the
 * emoji expression of string-width 4 (cli-table3's) 1 ms when it first runs. All are made at first use, and ASCII uses
 * none.
 */
import { readFile } from "node:fs/promises";
import type { Plugin } from "esbuild";

const constant = /^const (\w+) = (new Intl\.Segmenter\([^;]*\)|\/[^\n]*\\p\{[^\n]*\/[a-z]*);$/gm;

/** The source with such constants made at first use. Exported for its test. */
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
 * The source of string-width 4 with a short way for what is plain ASCII, where a character is a column; later ones have
 * it. Exported for its test.
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
          throw new Error(`${path}: a Segmenter is still made when it loads`);
        if (contents.includes("emojiRegex()") && !contents.includes("[ -~]"))
          throw new Error(`${path}: ASCII is searched for emoji`);
        return { contents, loader: "js" };
      },
    );
  },
};
