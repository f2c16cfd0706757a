/** Conversion of an app's values to the types of a prompt's variables, and comparison of two prompts' variables. */
import { canonicalText, normal } from "../prompt/canonical.js";
import type { Prompt, Variable } from "../prompt/document.js";
import { clean, plain } from "../sending/values.js";

const WHOLE = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Return `given` with the values of declared variables converted where there is one obvious way.
 *
 * A string variable accepts everything: null as the empty string; booleans, numbers, lists and objects as JSON. A
 * number accepts a numeric text, a boolean the words true and false.
 */
export function fitted(prompt: Prompt, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(given).map(([name, value]) => {
    const type = prompt.variables.get(name)?.type;
    return [name, type === undefined ? value : fittedValue(value, type)];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** Return why an app that fills in the required variables of `like` can't render `prompt`; empty if it can. */
export function incompatibilities(prompt: Prompt, like: Prompt): string[] {
  return [...prompt.variables].flatMap(([name, variable]) => {
    const given = like.variables.get(name);
    const found: string[] = [];
    if (variable.required && !given?.required) found.push(`it needs the variable ${name}`);
    if (given && given.type !== variable.type) {
      found.push(`it takes the variable ${name} as a ${variable.type}, not as a ${given.type}`);
    }
    return found;
  });
}

function fittedValue(value: unknown, type: Variable["type"]): unknown {
  if (value === null || value === undefined) return type === "string" ? "" : null;
  if (type === "string") return textOf(value);
  let found: unknown = value;
  try {
    found = plain(value);
  } catch {
    // an object of the app: rendering says that it does not fit
  }
  if (typeof found !== "string") return found;
  return type === "number" ? numberOf(found) : type === "boolean" ? booleanOf(found) : found;
}

function textOf(value: unknown): string {
  try {
    const found = plain(value);
    return typeof found === "string" ? found : canonicalText(normal(found, "value"));
  } catch {
    return clean(safeString(value));
  }
}

function safeString(value: unknown): string {
  try {
    return String(value);
  } catch {
    return "";
  }
}

function numberOf(text: string): unknown {
  const trimmed = text.trim();
  const number = Number(trimmed);
  if (WHOLE.test(trimmed)) return Number.isSafeInteger(number) ? number : text;
  return DECIMAL.test(trimmed) && Number.isFinite(number) ? number : text;
}

function booleanOf(text: string): unknown {
  return { true: true, false: false }[text.trim().toLowerCase()] ?? text;
}
