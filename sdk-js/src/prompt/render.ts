/** Rendering of a prompt to messages for a model. Values and examples are not interpreted. */
import { canonicalText, exactText, isObject, normal, type Json } from "./canonical.js";
import type { Prompt, Variable } from "./document.js";
import { at, PromptError } from "./errors.js";
import { messageJson, withTexts } from "./messages.js";
import { fill } from "./placeholders.js";

/** Slot → `{input, output}` pairs, best first. */
export type Examples = Readonly<Record<string, readonly { readonly input: string; readonly output: string }[]>>;
export type RenderedMessage = { role?: string; content?: Json; [key: string]: unknown };

/**
 * Return `[{role, content, …}, …]` with variables filled in and each slot's examples as turns.
 *
 * A string is inserted unchanged; a number, boolean or list as RFC 8785 JSON. Throws PromptError for an unknown,
 * missing or mistyped variable, an unknown slot, or more examples than the slot allows.
 */
export function render(
  prompt: Prompt,
  variables: Readonly<Record<string, unknown>>,
  examples: Examples = {},
): RenderedMessage[] {
  const values = written(prompt.variables, variables);
  const valueOf = (name: string) => values.get(name) as string;
  for (const slot of Object.keys(examples)) {
    if (!prompt.slots.has(slot)) throw new PromptError(at("examples", slot), "is not a slot of this prompt");
  }
  return prompt.messages.flatMap((entry): RenderedMessage[] => {
    if (entry.kind === "slot")
      return turns(own(examples, entry.slot), entry.slot, prompt.slots.get(entry.slot)?.max ?? 0);
    if (entry.kind === "placeholder") return inserted(own(variables, entry.name), at("variables", entry.name));
    return [{ ...messageJson(entry), content: withTexts(entry.content, (text) => fill(text, valueOf)) }];
  });
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function inserted(value: unknown, field: string): RenderedMessage[] {
  const given = Array.isArray(value) ? value : [];
  return given.map((message: unknown, index) => {
    if (!isObject(message)) throw new PromptError(at(field, index), "must be a message: an object");
    return { ...message };
  });
}

function written(
  declared: ReadonlyMap<string, Variable>,
  given: Readonly<Record<string, unknown>>,
): Map<string, string> {
  for (const name of Object.keys(given)) {
    if (!declared.has(name)) throw new PromptError(at("variables", name), "is not a variable of this prompt");
  }
  return new Map(
    [...declared].map(([name, variable]) => [name, writtenValue(own(given, name), variable, at("variables", name))]),
  );
}

function writtenValue(value: unknown, variable: Variable, field: string): string {
  if (value === null || value === undefined) {
    if (variable.required) throw new PromptError(field, "is missing");
    return "";
  }
  if (!fits(value, variable.type)) throw new PromptError(field, `must be a ${variable.type}`);
  if (variable.type === "messages") return ""; // `inserted` renders them
  return typeof value === "string" ? exactText(value, field) : canonicalText(normal(value, field));
}

function fits(value: unknown, type: Variable["type"]): boolean {
  return type === "list" || type === "messages" ? Array.isArray(value) : typeof value === type;
}

function turns(examples: Examples[string] | undefined, slot: string, most: number): RenderedMessage[] {
  const field = at("examples", slot);
  const given = examples ?? [];
  if (given.length > most) throw new PromptError(field, `has more than ${most} examples`);
  return given.flatMap((example, index) => [
    { role: "user", content: exactText(example.input, at(at(field, index), "input")) },
    { role: "assistant", content: exactText(example.output, at(at(field, index), "output")) },
  ]);
}
