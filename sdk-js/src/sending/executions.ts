/** Executions as the server's JSON body. An optional field that can't be converted is left out. */
import type { Json } from "../prompt/canonical.js";
import { addFields, SHARED, type Body, type Consent, type Convert, type Fields, type Id, type Item } from "./items.js";
import { clean, identifier, InvalidValue, number, plain, scalar, text } from "./values.js";

/** A prompt that Ratchet did not serve, by its digest or only by the app's own `version`. */
export type PromptLabel = { name: string; digest?: string | undefined; version?: Id | undefined };

/** A prompt that an execution used, with its canonical `document` where the server may not have it. */
export type UsedPrompt = { readonly name: string; readonly digest: string; readonly document?: string | undefined };

/** The facts of one LLM call; all optional. `cost` in US dollars; `usage` may have the provider's own names. */
export type ExecutionFields = {
  id?: Id | undefined;
  traceId?: Id | undefined;
  parentId?: Id | undefined;
  model?: string | null | undefined;
  parameters?: Readonly<Record<string, unknown>> | undefined;
  input?: unknown;
  output?: unknown;
  contexts?: readonly unknown[] | undefined;
  tools?: readonly unknown[] | undefined;
  arm?: string | undefined;
  user?: Id | undefined;
  session?: Id | undefined;
  usage?: unknown;
  cost?: number | string | undefined;
  latencyMs?: number | undefined;
  outcome?: "ok" | "error" | "refused" | "timeout" | undefined;
  scores?: Readonly<Record<string, number | null>> | undefined;
  attributes?: Readonly<Record<string, unknown>> | undefined;
  consent?: Consent | undefined;
  occurredAt?: Date | string | number | undefined;
};

const FIELDS: Fields = {
  trace_id: ["traceId", identifier],
  parent_id: ["parentId", identifier],
  model: ["model", identifier],
  arm: ["arm", identifier],
  session: ["session", identifier],
  outcome: ["outcome", identifier],
  input: ["input", written],
  output: ["output", written],
  parameters: ["parameters", membersBy("parameters", scalar)],
  attributes: ["attributes", membersBy("attributes", scalar)],
  scores: ["scores", membersBy("scores", number)],
  contexts: ["contexts", listOf("contexts", context)],
  tools: ["tools", listOf("tools", tool)],
  usage: ["usage", usage],
  cost: ["cost", amount],
  latency_ms: ["latencyMs", amount],
  ...SHARED,
};

/** Return an execution. Throws InvalidValue for an invalid target. */
export function executionItem(
  id: string,
  target: unknown,
  prompts: readonly (UsedPrompt | PromptLabel | string | null | undefined)[],
  fields: ExecutionFields,
  now: Date,
): Item {
  const body: Body = { id, target: identifier(target), prompts: [] };
  const dropped = addFields(body, fields, FIELDS, ["id", "prompts", "target"]);
  const used: Json[] = [];
  const uses: { name: string; digest: string; document: string }[] = [];
  prompts.forEach((prompt, index) => {
    try {
      const label = labelOf(prompt);
      if (label === null) return;
      used.push(label);
      const { name, digest, document } = prompt as UsedPrompt;
      if (document !== undefined) uses.push({ name, digest, document });
    } catch {
      dropped.push(`prompts[${index}]`);
    }
  });
  body.prompts = used;
  body.occurred_at ??= now.toISOString();
  return { route: "executions", id, json: JSON.stringify(body), dropped, uses };
}

function labelOf(prompt: UsedPrompt | PromptLabel | string | null | undefined): Body | null {
  if (prompt === null || prompt === undefined) return null;
  const given = typeof prompt === "string" ? { name: prompt } : prompt;
  const label: Body = {};
  for (const part of ["name", "digest", "version"]) {
    const found = identifier((given as Record<string, unknown>)[part]);
    if (found !== null) label[part] = found;
  }
  if (label.name === undefined) throw new InvalidValue("must have a name");
  return label;
}

/** Return an input or output: text, or messages and objects, which the server converts to text. */
function written(value: unknown): Json {
  const found = plain(value);
  return typeof found === "object" ? found : text(found);
}

function amount(value: unknown): number {
  const found = typeof value === "boolean" ? null : number(value);
  if (found === null || found < 0) throw new InvalidValue("must be a number of at least 0");
  return found;
}

/** Return a converter of an object's members; those that can't be converted are left out. */
function membersBy(name: string, convert: (value: unknown) => Json): Convert {
  return (value, dropped) => {
    const found: [string, Json][] = [];
    for (const [key, item] of entriesOf(value)) {
      try {
        const converted = convert(item);
        if (converted !== null) found.push([clean(key), converted]);
      } catch {
        dropped.push(`${name}.${key}`);
      }
    }
    return found.length ? Object.fromEntries(found) : null;
  };
}

function entriesOf(value: unknown): [string, unknown][] {
  if (value instanceof Map) return [...value].map(([key, item]) => [String(key), item]);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new InvalidValue("must be an object");
  return Object.entries(value);
}

/** Return token counts by the provider's names, which the server maps to its own; other details are left out. */
function usage(value: unknown): Json {
  const counts = entriesOf(value).flatMap(([name, item]): [string, number][] => {
    const count = typeof item === "bigint" ? Number(item) : item;
    return typeof count === "number" && Number.isInteger(count) && count >= 0 ? [[name, count]] : [];
  });
  return counts.length ? Object.fromEntries(counts) : null;
}

function listOf(name: string, convert: (value: unknown) => Json): Convert {
  return (value, dropped) => {
    const single = typeof value === "string" || !(Symbol.iterator in Object(value));
    const given = single ? [value] : [...(value as Iterable<unknown>)];
    const found = given.flatMap((item, index) => {
      try {
        const converted = convert(item);
        return converted === null ? [] : [converted];
      } catch {
        dropped.push(`${name}[${index}]`);
        return [];
      }
    });
    return found.length ? found : null;
  };
}

/** Return a retrieved text: a string, or the text of a document. */
function context(value: unknown): Json {
  const found = plain(value);
  const parts = typeof found === "object" && found !== null && !Array.isArray(found) ? found : {};
  const texts = [parts.page_content, parts.text, parts.content].filter((part) => typeof part === "string");
  return texts[0] ?? text(found);
}

/** Return the name of a tool, given as a name, a declaration or a function. */
function tool(value: unknown): Json {
  const { name, function: inner } = Object(value) as { name?: unknown; function?: { name?: unknown } };
  const found = identifier(typeof value === "string" ? value : (name ?? inner?.name));
  if (found === null) throw new InvalidValue("must name a tool");
  return found;
}
