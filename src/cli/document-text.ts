/** Small documents of the shell itself, a version or an error, as text. The plugins' results: src/views/document.ts. */

/** Whether the output format is one for programs. */
export const isDocumentFormat = (output: string | undefined): output is "json" | "yaml" =>
  output === "json" || output === "yaml";

type Field = string | number | null | { readonly [name: string]: Field };

/** A small document as text. In YAML, texts stand in double quotes, as JSON writes them. */
export const documentText = (document: object, output: "json" | "yaml"): string =>
  output === "json" ? JSON.stringify(document, undefined, 2) : yamlLines(document as Record<string, Field>).join("\n");

const yamlLines = (fields: { readonly [name: string]: Field }): readonly string[] =>
  Object.entries(fields).flatMap(([name, value]) =>
    typeof value === "object" && value !== null
      ? [`${name}:`, ...yamlLines(value).map((line) => `  ${line}`)]
      : [`${name}: ${JSON.stringify(value)}`],
  );
