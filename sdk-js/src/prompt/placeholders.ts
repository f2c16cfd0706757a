/** Placeholders `{{name}}` in a message. `\{{name}}` is escaped; braces around anything else are text. */

export const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

const PLACEHOLDER = /(\\?)\{\{[ \t]*([A-Za-z_][A-Za-z0-9_]{0,63})[ \t]*\}\}/g;

/** Return the variables that a content uses, in order of first use. */
export function names(content: string): string[] {
  const found = [...content.matchAll(PLACEHOLDER)].filter((match) => !match[1]);
  return [...new Set(found.map((match) => match[2] as string))];
}

/** Return the content without spaces in its placeholders. */
export function tidy(content: string): string {
  return content.replace(PLACEHOLDER, (whole, escape: string, name: string) => (escape ? whole : `{{${name}}}`));
}

/** Return the content with each placeholder replaced, in one pass: values are not interpreted. */
export function fill(content: string, valueOf: (name: string) => string): string {
  return content.replace(PLACEHOLDER, (whole, escape: string, name: string) =>
    escape ? whole.slice(1) : valueOf(name),
  );
}
