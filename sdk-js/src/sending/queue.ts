/**
 * Queue of items to send, in batches: a state machine without timers or network.
 *
 * An accepted item is sent until the server has answered for it. A retry sends the same body under the same
 * idempotency key, so that the items count once however many responses get lost.
 */
import type { Item, Route } from "./items.js";
import type { Batch, Delivered, Outcome } from "./outcomes.js";

/** Since the client was created: accepted = sent + refused + pending + abandoned. `dropped` were never accepted. */
export type Counters = {
  accepted: number;
  sent: number;
  duplicates: number;
  refused: number;
  dropped: number;
  abandoned: number;
  retries: number;
  droppedFields: number;
};

export type QueueOptions = {
  readonly capacity: number;
  readonly capacityBytes: number;
  readonly batchSize: number;
  readonly batchBytes: number;
  readonly newKey: () => string;
  /** Milliseconds before attempt `attempt` of a batch. */
  readonly pause: (attempt: number) => number;
  /** Returns the body of a batch. */
  readonly write: (items: readonly Item[]) => string;
  /** Called with the items of a batch of which the server kept every one. */
  readonly onKept?: (items: readonly Item[]) => void;
};

type Lane = { waiting: Item[]; ready: Batch[]; attempts: number; notBefore: number };

/** Return the body of a batch of items that need no documents. */
export const writeItems = (items: readonly Item[]): string => `[${items.map((item) => item.json).join(",")}]`;

/** The queue, with one lane per route, so that failures of one do not delay the other. Times in milliseconds. */
export class SendQueue {
  readonly #options: QueueOptions;
  readonly #lanes = new Map<Route, Lane>();
  readonly #counts: Counters = {
    accepted: 0,
    sent: 0,
    duplicates: 0,
    refused: 0,
    dropped: 0,
    abandoned: 0,
    retries: 0,
    droppedFields: 0,
  };
  #bytes = 0;
  #closed = false;
  /** The number of accepted items that the server has not answered for. */
  pending = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
    for (const route of ["executions", "feedback"] as const) {
      this.#lanes.set(route, { waiting: [], ready: [], attempts: 0, notBefore: 0 });
    }
  }

  get counters(): Counters {
    return { ...this.#counts };
  }

  /** Queue an item; false where the queue is full or closed, and it was dropped. */
  offer(item: Item): boolean {
    const bytes = this.#bytes + sizeOf(item);
    if (this.#closed || this.pending >= this.#options.capacity || bytes > this.#options.capacityBytes) {
      this.#counts.dropped += 1;
      return false;
    }
    this.#lane(item.route).waiting.push(item);
    this.#bytes = bytes;
    this.pending += 1;
    this.#counts.accepted += 1;
    this.#counts.droppedFields += item.dropped.length;
    return true;
  }

  /** Count an item that could not be converted. */
  refuse(): void {
    this.#counts.accepted += 1;
    this.#counts.refused += 1;
  }

  /** Tell whether a whole batch waits. */
  isFull(): boolean {
    return [...this.#lanes.values()].some(
      (lane) => lane.ready.length || lane.waiting.length >= this.#options.batchSize,
    );
  }

  /** Return the next batch to send, a repeated or a new one; `force` ignores pauses. Call `apply` for each. */
  next(now: number, force = false): Batch | undefined {
    for (const [route, lane] of this.#lanes) {
      if (!(lane.ready.length || lane.waiting.length) || (lane.notBefore > now && !force)) continue;
      this.#lanes.delete(route); // last in turn, so that a busy lane holds up no other
      this.#lanes.set(route, lane);
      return lane.ready.shift() ?? this.#batch(route, this.#taken(lane.waiting));
    }
    return undefined;
  }

  /** Return when the next batch may be sent; undefined when nothing waits. */
  due(): number | undefined {
    const busy = [...this.#lanes.values()].filter((lane) => lane.ready.length || lane.waiting.length);
    return busy.length ? Math.min(...busy.map((lane) => lane.notBefore)) : undefined;
  }

  /** Apply the outcome of a batch. */
  apply(batch: Batch, outcome: Outcome, now: number): void {
    if (this.#closed) return;
    const lane = this.#lane(batch.route);
    if (outcome.kind === "delivered") return this.#deliver(lane, batch, outcome, now);
    if (outcome.kind === "split") {
      const middle = batch.items.length >> 1;
      const halves = [batch.items.slice(0, middle), batch.items.slice(middle)];
      lane.ready.unshift(...halves.map((half) => this.#batch(batch.route, half)));
      return;
    }
    lane.ready.unshift(batch);
    this.#fail(lane, now, (outcome.after ?? 0) * 1000);
  }

  /** Drop all pending items and accept no more; return their number. */
  close(): number {
    const left = this.pending;
    this.#closed = true;
    this.pending = 0;
    for (const lane of this.#lanes.values()) lane.waiting = lane.ready = [];
    this.#counts.abandoned += left;
    return left;
  }

  #deliver(lane: Lane, batch: Batch, { duplicates, refused, repeat, amended }: Delivered, now: number): void {
    const items = repeat.map((index) => batch.items[index] as Item);
    lane.waiting.push(...items); // behind the others, so that a failing item delays none of them
    lane.waiting.unshift(...amended.map(([, item]) => item));
    for (const [index, item] of amended)
      this.#counts.droppedFields += item.dropped.length - (batch.items[index]?.dropped.length ?? 0);
    if (repeat.length === batch.items.length) this.#fail(lane, now, 0);
    else {
      [lane.attempts, lane.notBefore] = [0, 0];
      if (repeat.length) this.#counts.retries += 1;
    }
    if (!refused.length && !repeat.length && !amended.length) this.#options.onKept?.(batch.items);
    const sent = batch.items.length - refused.length - repeat.length - amended.length;
    this.pending -= sent + refused.length;
    this.#bytes -= total(batch.items) - total(items) - total(amended.map(([, item]) => item));
    this.#counts.sent += sent;
    this.#counts.duplicates += duplicates;
    this.#counts.refused += refused.length;
  }

  #fail(lane: Lane, now: number, atLeast: number): void {
    lane.attempts += 1;
    lane.notBefore = now + Math.max(atLeast, this.#options.pause(lane.attempts));
    this.#counts.retries += 1;
  }

  #taken(waiting: Item[]): Item[] {
    let [count, bytes] = [0, 0];
    while (count < Math.min(waiting.length, this.#options.batchSize)) {
      bytes += sizeOf(waiting[count] as Item);
      if (count && bytes > this.#options.batchBytes) break;
      count += 1;
    }
    return waiting.splice(0, count);
  }

  #batch(route: Route, items: readonly Item[]): Batch {
    return { route, key: this.#options.newKey(), items, body: this.#options.write(items) };
  }

  #lane(route: Route): Lane {
    return this.#lanes.get(route) as Lane;
  }
}

function sizeOf(item: Item): number {
  return item.json.length + total(item.uses.map((use) => use.document));
}

function total(items: readonly (Item | string)[]): number {
  return items.reduce((sum, item) => sum + (typeof item === "string" ? item.length : sizeOf(item)), 0);
}
