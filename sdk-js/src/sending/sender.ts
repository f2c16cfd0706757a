/** Sends the items of a queue in the background; reports what somebody should know. */
import { ItemRefused, RatchetError, RequestFailed, type Report } from "../errors.js";
import type { Item } from "./items.js";
import { outcomeOf, retry, type Batch, type Outcome } from "./outcomes.js";
import { SendQueue } from "./queue.js";
import { request, type Fetch } from "./transport.js";

export type SenderOptions = {
  readonly url: string;
  readonly key: string;
  readonly timeoutMs: number;
  readonly flushIntervalMs: number;
  /** Let requests outlive the page, as far as browsers allow. */
  readonly keepalive: boolean;
  readonly headers?: () => Record<string, string>;
};

const KEEPALIVE_BYTES = 60_000;
const QUIET_MS = 60_000;
const MAX_PAUSE_MS = 30_000;

/** Return the milliseconds before the next attempt: doubling from 100 to 30,000, with a random factor of 0.5 to 1. */
export function pause(attempt: number): number {
  return Math.min(MAX_PAUSE_MS, 100 * 2 ** Math.min(attempt, 16)) * (0.5 + Math.random() / 2);
}

/** Accepts items and sends them soon. Its timers don't keep a process alive; an awaited `flush` does. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #queue: SendQueue;
  readonly #report: Report;
  readonly #fetch: Fetch;
  readonly #reported = new Set<string>();
  readonly #idle = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #keepaliveBytes = 0;
  #failingSince: number | undefined;

  constructor(options: SenderOptions, queue: SendQueue, report: Report, fetch: Fetch) {
    [this.#options, this.#queue, this.#report, this.#fetch] = [options, queue, report, fetch];
  }

  /** Queue an item, or the reason why it can't be sent. Never throws. */
  offer(item: Item): void {
    if (!this.#queue.offer(item)) {
      return this.#once(new RatchetError("queue-full", "items are dropped: the queue is full or closed"));
    }
    if (item.dropped.length) {
      const names = item.dropped.join(", ");
      this.#once(new RatchetError("fields-dropped", `invalid fields were left out: ${names}`));
    }
    this.#schedule();
  }

  refuse(id: string, reason: string): void {
    this.#queue.refuse();
    this.#safely(new ItemRefused(id, reason));
  }

  /** Wait until the server has answered for everything; false at the deadline. */
  async flush(timeoutMs: number): Promise<boolean> {
    if (!this.#queue.pending) return true;
    this.#schedule(0);
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(resolve, timeoutMs);
      this.#idle.add(() => (clearTimeout(deadline), resolve()));
    });
    return !this.#queue.pending;
  }

  /** Send pending items for up to `timeoutMs`, then accept no more; false if any was left unsent. */
  async close(timeoutMs: number): Promise<boolean> {
    const complete = await this.flush(timeoutMs);
    clearTimeout(this.#timer);
    const left = this.#queue.close();
    if (left) this.#safely(new RatchetError("items-abandoned", `${left} items were not sent before close`));
    return complete;
  }

  /** Start all requests now, for a page that may be gone in a moment. */
  hurry(): void {
    for (let batch = this.#queue.next(Date.now(), true); batch; batch = this.#queue.next(Date.now(), true)) {
      void this.#send(batch).then(() => this.#schedule());
    }
  }

  #schedule(atMost = this.#options.flushIntervalMs): void {
    const due = this.#queue.due();
    if (this.#running || due === undefined) return;
    clearTimeout(this.#timer);
    const wait = Math.max(this.#queue.isFull() ? 0 : atMost, due - Date.now());
    this.#timer = setTimeout(() => void this.#run(), wait);
    (this.#timer as { unref?: () => void }).unref?.();
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let batch = this.#queue.next(Date.now()); batch; batch = this.#queue.next(Date.now())) await this.#send(batch);
    this.#running = false;
    this.#schedule();
  }

  async #send(batch: Batch): Promise<void> {
    const outcome = await this.#post(batch);
    this.#queue.apply(batch, outcome, Date.now());
    this.#tell(batch, outcome);
    if (this.#queue.pending) return;
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }

  async #post(batch: Batch): Promise<Outcome> {
    const { url, key, timeoutMs, headers } = this.#options;
    const bytes = this.#options.keepalive ? new TextEncoder().encode(batch.body).length : Infinity;
    const keepalive = this.#keepaliveBytes + bytes <= KEEPALIVE_BYTES;
    if (keepalive) this.#keepaliveBytes += bytes;
    try {
      const sent = { "content-type": "application/json", authorization: `Bearer ${key}`, "idempotency-key": batch.key };
      const init: RequestInit = { method: "POST", body: batch.body, keepalive, headers: { ...sent, ...headers?.() } };
      const answer = await request(this.#fetch, `${url}/v1/${batch.route}`, timeoutMs, init);
      return outcomeOf(batch, answer.status, answer.headers.get("retry-after"), answer.body);
    } catch (error) {
      return retry(error instanceof Error ? `${error.name}: ${error.message}` : "the request failed");
    } finally {
      if (keepalive) this.#keepaliveBytes -= bytes;
    }
  }

  #tell(batch: Batch, outcome: Outcome): void {
    if (outcome.kind === "delivered") {
      this.#failingSince = undefined;
      for (const [index, reason] of outcome.refused)
        this.#safely(new ItemRefused(batch.items[index]?.id ?? "", reason));
    }
    if (outcome.kind !== "retry") return;
    this.#failingSince ??= Date.now();
    if (outcome.misconfigured || Date.now() - this.#failingSince > QUIET_MS) {
      this.#once(
        new RequestFailed(`items are sent again later: ${outcome.reason}`, outcome.status, outcome.misconfigured),
      );
    }
  }

  #once(error: RatchetError): void {
    if (this.#reported.has(error.message) || this.#reported.size > 100) return;
    this.#reported.add(error.message);
    this.#safely(error);
  }

  #safely(error: RatchetError): void {
    try {
      this.#report(error);
    } catch {
      // the app's own function: sending must go on
    }
  }
}
