/** Executions as the server's JSON body. An optional field that can't be converted is left out. */
import type { Arm } from "../delivery/arms.js";
import type { Json } from "../prompt/canonical.js";
import { addFields, SHARED, type Body, type Consent, type Convert, type Fields, type Id, type Item } from "./items.js";
import { clean, identifier, InvalidValue, number, plain, scalar, text } from "./values.js";

/** A prompt that Ratchet did not serve, by its digest or only by the app's own `version`. */
export type PromptLabel = { name: string; digest?: string | undefined; version?: Id | undefined };

/** A prompt that an execution used, with its canonical `document` where the server may not have it. */
export type UsedPrompt = {
  readonly name: string;
  readonly digest: string;
  readonly document?: string | undefined;
  /** That of the rollout that was going on. */
  readonly arm?: Arm | undefined;
};

/** A retrieved document: its text, its id, or both. */
export type RetrievedContext = { id?: Id; text?: string; score?: number };

/** A call of a tool; `arguments` and `result` are text or any JSON. */
export type ToolCall = {
  name: string;
  arguments?: unknown;
  result?: unknown;
  outcome?: Outcome;
  latencyMs?: number;
};
export type Outcome = "ok" | "error" | "refused" | "timeout";
/** How confidential the texts of an execution are. */
export type Confidentiality = "public" | "internal" | "confidential" | "restricted";

/**
 * The facts of one LLM call; all optional. `cost` in US dollars, or in `currency` (ISO 4217).
 *
 * `usage` may have the provider's own names. `contexts` are texts or documents, `tools` names or calls, also in the
 * forms of providers' clients.
 */
export type ExecutionFields = {
  id?: Id | undefined;
  traceId?: Id | undefined;
  parentId?: Id | undefined;
  model?: string | null | undefined;
  parameters?: Readonly<Record<string, unknown>> | undefined;
  input?: unknown;
  output?: unknown;
  contexts?: readonly (string | RetrievedContext | unknown)[] | undefined;
  tools?: readonly (string | ToolCall | unknown)[] | undefined;
  arm?: string | undefined;
  user?: Id | undefined;
  session?: Id | undefined;
  usage?: unknown;
  cost?: number | string | undefined;
  currency?: string | undefined;
  latencyMs?: number | undefined;
  timeToFirstTokenMs?: number | undefined;
  outcome?: Outcome | undefined;
  scores?: Readonly<Record<string, number | null>> | undefined;
  attributes?: Readonly<Record<string, unknown>> | undefined;
  consent?: Consent | undefined;
  /** The region whose rules the texts are under, such as `eu`. */
  region?: string | undefined;
  confidentiality?: Confidentiality | undefined;
  occurredAt?: Date | string | number | undefined;
};

const FIELDS: Fields = {
  trace_id: ["traceId", identifier],
  parent_id: ["parentId", identifier],
  model: ["model", identifier],
  arm: ["arm", identifier],
  session: ["session", identifier],
  outcome: ["outcome", identifier],
  currency: ["currency", identifier],
  region: ["region", identifier],
  confidentiality: ["confidentiality", identifier],
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
  time_to_first_token_ms: ["timeToFirstTokenMs", amount],
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
  const counts = entriesOf(value).flatMap(([name, item]): [string, Json][] => {
    const found = isPlain(item) ? usageDetails(item) : count(item);
    return found === null ? [] : [[name, found]];
  });
  return counts.length ? Object.fromEntries(counts) : null;
}

function usageDetails(details: object): Json {
  const counts = Object.entries(details).filter(([, item]) => count(item) !== null);
  return counts.length ? Object.fromEntries(counts.map(([name, item]) => [name, count(item)])) : null;
}

function count(value: unknown): number | null {
  const found = typeof value === "bigint" ? Number(value) : value;
  return typeof found === "number" && Number.isInteger(found) && found >= 0 ? found : null;
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(name: string, convert: (value: unknown, drop: Drop) => Json): Convert {
  return (value, dropped) => {
    const single = typeof value === "string" || !(Symbol.iterator in Object(value));
    const given = single ? [value] : [...(value as Iterable<unknown>)];
    const found = given.flatMap((item, index) => {
      const path = `${name}[${index}]`;
      try {
        const converted = convert(item, (member) => dropped.push(`${path}.${member}`));
        return converted === null ? [] : [converted];
      } catch {
        dropped.push(path);
        return [];
      }
    });
    return found.length ? found : null;
  };
}

/** Record the name of a member that was left out. */
type Drop = (member: string) => void;

/** Return the members that can be converted. */
function known(given: Body, readers: Record<string, (value: unknown) => Json>, drop: Drop): Body {
  const found: Body = {};
  for (const [name, read] of Object.entries(readers)) {
    try {
      const value = given[name] ?? null;
      const converted = value === null ? null : read(value);
      if (converted !== null) found[name] = converted;
    } catch {
      drop(name);
    }
  }
  return found;
}

/** Return a retrieved text, or `{id, text, score}` of a document that has more than its text. */
function context(value: unknown, drop: Drop): Json {
  const found = plain(value);
  if (!isPlain(found)) return text(found);
  const parts = found as Body;
  const content = [parts.page_content, parts.text, parts.content].find((part) => typeof part === "string");
  const rest = known(parts, { id: identifier, score: number }, drop);
  if (content === undefined) return "id" in rest ? rest : text(found);
  return Object.keys(rest).length ? { ...rest, text: content } : content;
}

/** Return the name of a tool (given as a name, a declaration or a function), or a call of it with what is known. */
function tool(value: unknown, drop: Drop): Json {
  const call = (typeof value === "string" ? { name: value } : Object(value)) as Record<string, unknown>;
  const inner = Object(call.function) as Record<string, unknown>;
  const name = identifier(call.name ?? inner.name);
  if (name === null) throw new InvalidValue("must name a tool");
  if (typeof value === "function") return name;
  const given = {
    arguments: call.arguments ?? call.input ?? call.args ?? inner.arguments ?? inner.input ?? inner.args,
    result: call.result ?? call.output,
    outcome: call.outcome,
    latency_ms: call.latencyMs ?? call.latency_ms,
  } as Body;
  const readers = { arguments: plain, result: plain, outcome: outcome, latency_ms: amount };
  const rest = known(given, readers, drop);
  return Object.keys(rest).length ? { name, ...rest } : name;
}

function outcome(value: unknown): Json {
  if (!["ok", "error", "refused", "timeout"].includes(value as string)) throw new InvalidValue("must be an outcome");
  return value as string;
}
