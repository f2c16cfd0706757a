/** The part of the client that pages and servers share: feedback, sent in the background. */
import { readServer, warn, type CommonOptions } from "./options.js";
import { feedbackId, feedbackItem, newId, type FeedbackFields, type Id } from "./sending/items.js";
import { SendQueue, writeItems, type Counters, type QueueOptions } from "./sending/queue.js";
import { pause, Sender, type SenderOptions } from "./sending/sender.js";

export type Limits = Partial<Pick<QueueOptions, "batchBytes" | "write" | "onKept">> & Partial<SenderOptions>;

/** Returns a UUID for a name: the same one each time, or always a new one. */
export type DeriveId = (name: string) => string;

/** Sends feedback. `feedback` never waits and never throws. */
export class FeedbackClient {
  protected readonly server: { url: string; key: string };
  protected readonly sender: Sender;
  readonly #queue: SendQueue;
  readonly #derive: DeriveId;

  /** Throws ConfigurationError where the URL or the key is missing or malformed. */
  constructor(options: CommonOptions, limits: Limits, derive: DeriveId) {
    this.server = readServer(options);
    this.#derive = derive;
    this.#queue = new SendQueue({
      capacity: options.capacity ?? 10_000,
      capacityBytes: options.capacityBytes ?? 64_000_000,
      batchSize: 500,
      batchBytes: 1_000_000,
      newKey: newId,
      pause,
      write: writeItems,
      ...limits,
    });
    const times = { timeoutMs: options.timeoutMs ?? 10_000, flushIntervalMs: options.flushIntervalMs ?? 50 };
    const fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.sender = new Sender(
      { ...this.server, ...times, keepalive: false, ...limits },
      this.#queue,
      options.report ?? warn,
      fetch,
    );
  }

  /** How many items were accepted, sent, refused and dropped so far. */
  get counters(): Counters {
    return this.#queue.counters;
  }

  /**
   * Send feedback about an execution, a whole trace (`traceId`) or a `session`, in the background; return its id.
   *
   * `value` by kind: thumb true or false; rating 1 to 5; score any number, with a `name`; label a word; comment and
   * correction a text; preference an object with `chosen` and `rejected`, each a text, messages or `{ execution_id }`, of
   * which one may be left out: it is this execution's own output. What a user did: click and copy true (or left out) or
   * false; dwell milliseconds; requery, regenerate, abandon and continue no value. An `id` that is not a UUID is replaced: on a server by one derived from it, in a page by a new
   * one.
   */
  feedback(executionId: Id | null | undefined, fields: FeedbackFields): string {
    const id = fields.id === undefined ? newId() : feedbackId(fields.id, this.#derive);
    try {
      this.sender.offer(feedbackItem(executionId, fields, id, new Date()));
    } catch (error) {
      this.sender.refuse(id, error instanceof Error ? error.message : "a value can't be converted");
    }
    return id;
  }

  /** Wait until the server has answered for everything; false if that takes over `timeoutMs`. */
  flush(timeoutMs = 5_000): Promise<boolean> {
    return this.sender.flush(timeoutMs);
  }

  /** Send what is pending for up to `timeoutMs`, then stop; false if anything was left unsent. */
  close(timeoutMs = 5_000): Promise<boolean> {
    return this.sender.close(timeoutMs);
  }
}
