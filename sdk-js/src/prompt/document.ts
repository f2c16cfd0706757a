/** Strict parsing of prompt documents into their canonical form; equal documents have equal text. */
import { canonicalText, DIGEST, isObject, normal, normalText, type Json } from "./canonical.js";
import { at, PromptError } from "./errors.js";
import { members, named, oneOf } from "./fields.js";
import { isFirstSchema, messageJson, parseMessages, texts, type Entry, type Role } from "./messages.js";
import { names } from "./placeholders.js";

export const SCHEMA = "ratchet.prompt/1";
export const SCHEMA_2 = "ratchet.prompt/2";
export const MAX_EXAMPLES = 5;

const MAX_BYTES = 128 * 1024;
const TYPES = ["string", "number", "boolean", "list", "messages"] as const;
const OPTIONAL = ["variables", "model", "parameters", "tools", "response_format", "slots"];

/** A variable of a prompt. An optional one without a value renders as the empty string. */
export type Variable = { readonly type: (typeof TYPES)[number]; readonly required: boolean };

/** A slot for at most `max` examples; `set` is the digest of its example set, null while empty. */
export type Slot = { readonly max: number; readonly set: string | null };

/** A validated document; `canonical` is its RFC 8785 text. Prompts are equal if their canonical texts are. */
export type Prompt = {
  readonly messages: readonly Entry[];
  readonly variables: ReadonlyMap<string, Variable>;
  readonly model: string | null;
  readonly slots: ReadonlyMap<string, Slot>;
  readonly canonical: string;
};

/** Return the prompt of a JSON object; `field` is its path. Throws PromptError for the first invalid field. */
export function parse(value: unknown, field = ""): Prompt {
  const root = members(value, field, ["schema", "messages"], OPTIONAL);
  if (root.schema !== SCHEMA && root.schema !== SCHEMA_2) {
    throw new PromptError(at(field, "schema"), `must be ${SCHEMA} or ${SCHEMA_2}`);
  }
  const messages = parseMessages(root.messages, at(field, "messages"));
  const variables = withPlaceholders(parsed(root, "variables", field, parseVariable), messages);
  const slots = parsed(root, "slots", field, parseSlot);
  checkVariables(messages, variables, at(field, "messages"));
  checkSlots(messages, slots, field);
  const model = (root.model ?? null) === null ? null : parseModel(root.model, at(field, "model"));
  const canonical = canonicalText({
    schema: schemaOf(messages, variables),
    messages: messages.map(messageJson),
    variables: Object.fromEntries(variables),
    model,
    parameters: parseObject(root.parameters, at(field, "parameters")) ?? {},
    tools: parseTools(root.tools, at(field, "tools")),
    response_format: parseObject(root.response_format, at(field, "response_format")),
    slots: Object.fromEntries(slots),
  });
  if (new TextEncoder().encode(canonical).length > MAX_BYTES) {
    throw new PromptError(field || "document", `is larger than ${MAX_BYTES} bytes`);
  }
  return { messages, variables, model, slots, canonical };
}

/** Return a document of one message; each `{{name}}` in it is a required string. Throws PromptError. */
export function fromText(text: string, role: Role = "system"): Prompt {
  const content = normalText(text, "text");
  const variables = Object.fromEntries(names(content).map((name) => [name, { type: "string", required: true }]));
  return parse({ schema: SCHEMA, messages: [{ role, content }], variables });
}

function parsed<T>(
  root: Record<string, unknown>,
  part: string,
  field: string,
  read: (value: unknown, field: string) => T,
) {
  const place = at(field, part);
  return new Map(named(root[part], place).map(([key, spec]) => [key, read(spec, at(place, key))]));
}

function parseVariable(value: unknown, field: string): Variable {
  const spec = members(value, field, ["type"], ["required"]);
  const required = spec.required === undefined ? true : spec.required;
  if (typeof required !== "boolean") throw new PromptError(at(field, "required"), "must be true or false");
  return { type: oneOf(spec.type, TYPES, at(field, "type")), required };
}

function parseSlot(value: unknown, field: string): Slot {
  const spec = members(value, field, [], ["max", "set"]);
  const max = spec.max === undefined ? MAX_EXAMPLES : spec.max;
  const set = spec.set ?? null;
  if (typeof max !== "number" || !Number.isInteger(max) || max < 1 || max > MAX_EXAMPLES) {
    throw new PromptError(at(field, "max"), `must be a whole number from 1 to ${MAX_EXAMPLES}`);
  }
  if (set !== null && !(typeof set === "string" && DIGEST.test(set))) {
    throw new PromptError(at(field, "set"), "must be null or a digest: sha256: and 64 hexadecimal digits");
  }
  return { max, set };
}

function withPlaceholders(variables: Map<string, Variable>, messages: readonly Entry[]): Map<string, Variable> {
  const placed = messages.flatMap((entry) => (entry.kind === "placeholder" ? [entry.name] : []));
  return new Map([
    ...placed.map((name): [string, Variable] => [name, { type: "messages", required: false }]),
    ...variables,
  ]);
}

function checkVariables(messages: readonly Entry[], variables: Map<string, Variable>, field: string): void {
  messages.forEach((entry, index) => {
    if (entry.kind === "placeholder" && variables.get(entry.name)?.type !== "messages") {
      throw new PromptError(
        at(at(field, index), "name"),
        `is the variable ${entry.name}, which is not of type messages`,
      );
    }
    for (const used of texts(entry).flatMap(names)) {
      const content = at(at(field, index), "content");
      if (!variables.has(used)) throw new PromptError(content, `uses the undeclared variable ${used}`);
      if (variables.get(used)?.type === "messages") {
        throw new PromptError(content, `uses ${used}, a variable of messages, in a text`);
      }
    }
  });
}

function checkSlots(messages: readonly Entry[], slots: Map<string, Slot>, field: string): void {
  const placed = new Set<string>();
  messages.forEach((entry, index) => {
    if (entry.kind !== "slot") return;
    if (!slots.has(entry.slot) || placed.has(entry.slot)) {
      const reason = placed.has(entry.slot) ? "is placed twice" : "is not a declared slot";
      throw new PromptError(at(at(at(field, "messages"), index), "slot"), reason);
    }
    placed.add(entry.slot);
  });
  for (const slot of slots.keys()) {
    if (!placed.has(slot)) throw new PromptError(at(at(field, "slots"), slot), "is not placed among the messages");
  }
}

function schemaOf(messages: readonly Entry[], variables: Map<string, Variable>): string {
  const first = messages.every(isFirstSchema) && [...variables.values()].every(({ type }) => type !== "messages");
  return first ? SCHEMA : SCHEMA_2;
}

function parseModel(value: unknown, field: string): string {
  const model = normalText(value, field);
  const length = [...model].length;
  if (length < 1 || length > 200) throw new PromptError(field, "must be null or a text of 1 to 200 characters");
  return model;
}

function parseObject(value: unknown, field: string): { [key: string]: Json } | null {
  if (value === null || value === undefined) return null;
  const entry = normal(value, field);
  if (!isObject(entry)) throw new PromptError(field, "must be an object");
  return entry as { [key: string]: Json };
}

function parseTools(value: unknown, field: string): Json[] {
  const tools = value === null || value === undefined ? [] : normal(value, field);
  if (!Array.isArray(tools)) throw new PromptError(field, "must be a list");
  tools.forEach((tool, index) => {
    if (!isObject(tool)) throw new PromptError(at(field, index), "must be an object");
  });
  return tools;
}
