/**
 * Subscription to live prompts: one connection per client, for all names in use.
 *
 * A name is first requested once, then pushed, and polled while the stream does not work. Everything received is
 * verified before it is served; while the server is unavailable, the last verified versions are served.
 */
import { RequestFailed, type Report } from "../errors.js";
import { isMisconfigured, secondsOf } from "../sending/outcomes.js";
import { pause } from "../sending/sender.js";
import { serverEvents } from "./event-stream.js";
import { InstanceReporter } from "./instance-reporter.js";
import type { PromptCache } from "./prompt-cache.js";
import { jittered, PromptFetcher, UnexpectedStatus, type ServerOptions } from "./prompt-fetcher.js";

const WORKING_AFTER_MS = 5_000;
const SILENCE_MS = 45_000;
const MAX_DOUBLINGS = 6;
const MAX_NAMES = 200;
const MAX_QUERY = 6_000;

/** Nothing was received for longer than the server's keep-alive interval. */
class Silence extends Error {}

export class Subscriber {
  readonly #server: ServerOptions & { readonly instance: string };
  readonly #cache: PromptCache;
  readonly #report: Report;
  readonly #names = new Set<string>();
  readonly #firsts = new Map<string, Promise<void>>();
  readonly #fetcher: PromptFetcher;
  readonly #reporter: InstanceReporter;
  readonly #reported = new Set<string>();
  #connection = new AbortController();
  #wake: () => void = () => undefined;
  #closed = false;

  constructor(server: ServerOptions & { readonly instance: string }, cache: PromptCache, report: Report) {
    [this.#server, this.#cache, this.#report] = [server, cache, report];
    this.#fetcher = new PromptFetcher(server, cache, this.#names);
    this.#reporter = new InstanceReporter(server, cache, this.#names);
  }

  /** Follow a name; the promise resolves after the first answer, at once for a name that is followed already. */
  follow(name: string): Promise<void> {
    const known = this.#firsts.get(name);
    if (known || this.#closed) return known ?? Promise.resolve();
    const first = this.#cache
      .load(name)
      .then(() => this.#fetcher.pinKeys())
      .then(() => this.#fetcher.fetch(name))
      .then(
        () => this.#reporter.fetched(),
        () => undefined,
      );
    this.#firsts.set(name, first);
    this.#names.add(name);
    if (this.#names.size === 1) void this.#run();
    else this.#reconnect();
    return first;
  }

  close(): void {
    this.#closed = true;
    this.#fetcher.stop();
    this.#reporter.close();
    this.#reconnect();
  }

  #reconnect(): void {
    this.#connection.abort();
    this.#wake();
  }

  async #run(): Promise<void> {
    for (let attempt = 0; !this.#closed;) {
      const began = Date.now();
      const connection = (this.#connection = new AbortController());
      const failure = await this.#receive(connection, [...this.#names]).catch((error: unknown) => error);
      if (connection.signal.aborted && !(failure instanceof Silence)) continue; // the names changed, or it was closed
      attempt = Date.now() - began > WORKING_AFTER_MS ? 1 : attempt + 1;
      const status = failure instanceof UnexpectedStatus ? failure.status : undefined;
      const silent = failure instanceof Silence;
      if (attempt > 1 || status === 429 || status === 503 || silent) this.#fetcher.begin(silent ? 0 : undefined);
      this.#tell(failure, status);
      const asked = failure instanceof UnexpectedStatus ? jittered(failure.retryAfter ?? 0) * 1000 : 0;
      await this.#rest(Math.max(pause(Math.min(attempt, MAX_DOUBLINGS)), asked));
    }
  }

  /** Receive pushed versions of these names until the connection ends. Throws Silence, UnexpectedStatus, or a fault. */
  async #receive(connection: AbortController, names: readonly string[]): Promise<void> {
    await this.#fetcher.pinKeys();
    const began = Date.now();
    let silence: ReturnType<typeof setTimeout> | undefined;
    let silent = false;
    const onChunk = () => {
      clearTimeout(silence);
      silence = setTimeout(() => ((silent = true), connection.abort()), SILENCE_MS);
      if (Date.now() - began > WORKING_AFTER_MS) this.#fetcher.stop();
    };
    try {
      onChunk();
      const response = await this.#open(connection.signal, names);
      const wanted = new Set(names);
      for await (const event of serverEvents(response, onChunk)) {
        if (event.type !== "prompt") continue;
        if (await this.#cache.accept(JSON.parse(event.data), wanted)) this.#fetcher.stop();
        this.#reporter.reportSoon();
      }
    } catch (error) {
      throw silent ? new Silence("nothing was received for 45 s") : error;
    } finally {
      clearTimeout(silence);
    }
  }

  async #open(signal: AbortSignal, names: readonly string[]): Promise<ReadableStream<Uint8Array>> {
    const { url, key, fetch, instance } = this.#server;
    const query = names.map(encodeURIComponent).sort().join(",");
    const some = names.length <= MAX_NAMES && query.length <= MAX_QUERY; // else all prompts are pushed
    const response = await fetch(`${url}/v1/stream${some ? `?names=${query}` : ""}`, {
      signal,
      credentials: "omit",
      redirect: "manual",
      headers: { accept: "text/event-stream", authorization: `Bearer ${key}`, "x-ratchet-instance": instance },
    });
    if (response.status === 200 && response.body) {
      this.#reporter.connected(response.headers.get("x-ratchet-stream"));
      return response.body;
    }
    await response.body?.cancel();
    throw new UnexpectedStatus(response.status, secondsOf(response.headers.get("retry-after")));
  }

  #rest(milliseconds: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      (timer as { unref?: () => void }).unref?.();
      this.#wake = () => (clearTimeout(timer), resolve());
    });
  }

  #tell(failure: unknown, status: number | undefined): void {
    const reason = failure instanceof Error ? failure.message : "the stream ended";
    if (status === undefined || !isMisconfigured(status) || this.#reported.has(reason)) return;
    this.#reported.add(reason);
    try {
      this.#report(new RequestFailed(`prompts are not updated: ${reason}`, status, true));
    } catch {
      // the app's own function
    }
  }
}
