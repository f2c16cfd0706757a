/** The client for servers: executions, feedback and prompts. */
import { armOf } from "./delivery/arms.js";
import { PromptCache } from "./delivery/prompt-cache.js";
import { ServedPrompt, type Default } from "./delivery/served-prompt.js";
import { SavedPrompts } from "./delivery/saved-prompts.js";
import { Subscriber } from "./delivery/subscriber.js";
import { trustedKeys } from "./delivery/verification.js";
import { ConfigurationError } from "./errors.js";
import { FeedbackClient } from "./feedback-client.js";
import { warn, type CommonOptions } from "./options.js";
import { promptName } from "./prompt/names.js";
import { KnownDocuments } from "./sending/documents.js";
import { executionItem, type ExecutionFields, type PromptLabel } from "./sending/executions.js";
import { itemId, newId, type Id } from "./sending/items.js";
import { derivedId } from "./sending/uuid.js";
import { OpenAnswers } from "./sessions/open-answers.js";
import { UserSession, type SessionOptions } from "./sessions/user-session.js";

/** Options of the client for servers; each of the first ones has an environment variable, `RATCHET_…`. */
export type Options = CommonOptions & {
  /** The signing keys to trust; RATCHET_PUBLIC_KEY (comma-separated). Without any, the server's are pinned. */
  publicKey?: string | readonly string[] | undefined;
  /** Accept only prompts of these; RATCHET_PROJECT, RATCHET_ENVIRONMENT. Else those of the first prompt are pinned. */
  project?: string | undefined;
  environment?: string | undefined;
  /** A folder where the last verified versions are saved, and served if the app starts while the server is
   * unavailable; RATCHET_PROMPT_FOLDER. Without one nothing is saved. */
  promptFolder?: string | undefined;
  /** How long the first `prompt` of a name may wait for the server. */
  firstWaitMs?: number | undefined;
};

/** An execution: its target (by default that of the first served prompt), the prompts that it used, and its facts. */
export type Execution = ExecutionFields & {
  target?: string | undefined;
  prompts?: readonly (ServedPrompt | PromptLabel | string | null | undefined)[] | undefined;
};

/** Sends executions and feedback, and serves prompts. Use `close()` at the end: open streams keep a process alive. */
export class Ratchet extends FeedbackClient {
  readonly #subscriber: Promise<[PromptCache, Subscriber]>;
  readonly #firstWaitMs: number;
  readonly #answers = new OpenAnswers();
  readonly #forgetExit: () => void;
  #cache: PromptCache | undefined;

  /** Throws ConfigurationError where the URL or the key is missing or malformed. */
  constructor(options: Options = {}) {
    const given = {
      ...options,
      url: options.url ?? variable("RATCHET_URL"),
      key: options.key ?? variable("RATCHET_KEY"),
    };
    const documents = new KnownDocuments();
    const headers = () => ({ date: new Date().toUTCString() }); // from which the server computes the clock skew
    super(given, { write: documents.write, onKept: documents.add, headers }, derivedId);
    this.#firstWaitMs = options.firstWaitMs ?? 1_000;
    this.#subscriber = this.#follow(options);
    this.#subscriber.catch(() => undefined); // `prompt` rejects with it
    this.#forgetExit = onExit(() => this.flush(2_000));
  }

  /** The number of versions not served: not trusted, or with variables that the app's default does not have. */
  get refusedPrompts(): number {
    return this.#cache?.refused ?? 0;
  }

  /**
   * Record one LLM call in the background and return its id, to be passed to `feedback`.
   *
   * Never waits. A field that can't be converted is left out, an item that can't be sent is refused; both are reported
   * and counted. Throws ConfigurationError only where neither a target nor a served prompt is given.
   */
  record(execution: Execution): string {
    const { target, prompts = [], ...fields } = execution;
    const served = prompts.find((prompt) => prompt instanceof ServedPrompt);
    if (!target && !served)
      throw new ConfigurationError("target is missing: pass target, or a served prompt in prompts");
    const id = fields.id === undefined ? newId() : itemId(fields.id);
    try {
      const used = prompts.map((prompt) => (prompt instanceof ServedPrompt ? prompt.use() : prompt));
      const arm = fields.arm ?? armOf(used.map((use) => (use && typeof use === "object" && "arm" in use ? use.arm : undefined)));
      this.sender.offer(executionItem(id, targetOf(target, prompts), used, { ...fields, arm }, new Date()));
    } catch (error) {
      this.sender.refuse(id, error instanceof Error ? error.message : "a value can't be converted");
    }
    return id;
  }

  /**
   * Add fields to a recorded execution in the background, such as output, latency, cost and scores.
   *
   * Pass the target and prompts of `record`. A field that was recorded before keeps its value.
   */
  complete(executionId: Id, execution: Execution): void {
    this.record({ ...execution, id: executionId });
  }

  /**
   * Return a session, such as a conversation: it records executions and sends what the user did after each.
   *
   * `user` and `consent` are those of its executions and feedback, where they have none of their own. Steps are derived
   * within one process, from the inputs and times of its calls.
   */
  session(id: Id, options: SessionOptions = {}): UserSession {
    return new UserSession(this, this.#answers, id, options);
  }

  /**
   * Return the live version of a prompt, else `default`: a text, a document, or a parsed prompt.
   *
   * `user` and `session` decide which arm of a gradual rollout is served: the same each time; without them the base.
   * They are not sent. Waits for at most `firstWaitMs`, at the first use of a name only; later versions are pushed. Rejects with NoPrompt
   * where there is no live version and no default, and with PromptError for an invalid name or default.
   */
  async prompt(
    name: string,
    options: {
      default?: Default | undefined;
      target?: string | undefined;
      user?: Id | undefined;
      session?: Id | undefined;
    } = {},
  ): Promise<ServedPrompt> {
    const known = promptName(name);
    const [cache, subscriber] = await this.#subscriber;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.#firstWaitMs)));
    await Promise.race([subscriber.follow(known), deadline]);
    clearTimeout(timer);
    return cache.serve(known, options.default, options.target, options);
  }

  /** Send what is pending for up to `timeoutMs`, then stop; false if anything was left unsent. */
  override async close(timeoutMs?: number): Promise<boolean> {
    const [, subscriber] = await this.#subscriber.catch(() => []);
    subscriber?.close();
    const complete = await super.close(timeoutMs);
    this.#forgetExit();
    return complete;
  }

  async #follow(options: Options): Promise<[PromptCache, Subscriber]> {
    const given = options.publicKey ?? variable("RATCHET_PUBLIC_KEY")?.split(",") ?? [];
    const publicKeys = (typeof given === "string" ? [given] : given).map((key) => key.trim()).filter(Boolean);
    const keys = await trustedKeys(publicKeys).catch(() => {
      throw new ConfigurationError("a public key is malformed: it must be base64url of 32 bytes");
    });
    const project = options.project ?? variable("RATCHET_PROJECT");
    const environment = options.environment ?? variable("RATCHET_ENVIRONMENT");
    const report = options.report ?? warn;
    const folder = options.promptFolder ?? variable("RATCHET_PROMPT_FOLDER");
    const saved = folder ? new SavedPrompts(folder, this.server, report) : undefined;
    const cache = (this.#cache = new PromptCache({ keys, project, environment }, report, saved));
    const fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    const server = { ...this.server, timeoutMs: options.timeoutMs ?? 10_000, fetch, instance: instanceName() };
    return [cache, new Subscriber(server, cache, report)];
  }
}

type Process = {
  env?: Record<string, string | undefined>;
  pid?: number;
  once?: (event: "beforeExit", listener: () => void) => void;
  off?: (event: "beforeExit", listener: () => void) => void;
};

function runtime(): Process {
  return (globalThis as { process?: Process }).process ?? {};
}

function variable(name: string): string | undefined {
  return runtime().env?.[name] || undefined;
}

/** Call `work` when nothing else keeps the process alive; return a function that undoes it. */
function onExit(work: () => Promise<unknown>): () => void {
  const listener = () => void work();
  runtime().once?.("beforeExit", listener);
  return () => runtime().off?.("beforeExit", listener);
}

/** Return a name that distinguishes this client among those that receive versions. */
function instanceName(): string {
  return `node-${runtime().pid ?? 0}-${newId().slice(0, 8)}`;
}

function targetOf(given: string | undefined, prompts: Execution["prompts"] = []): string {
  const targets = prompts.map((prompt) => (prompt instanceof ServedPrompt ? prompt.target : undefined));
  const target = given || targets.find(Boolean);
  if (!target)
    throw new ConfigurationError("target is missing: pass it to record or to prompt (no live version has one yet)");
  return target;
}
