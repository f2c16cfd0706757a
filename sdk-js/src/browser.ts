/**
 * The client for pages: feedback only, since a key that everyone can read may do nothing else.
 *
 * Requests outlive the page (`fetch` with `keepalive`; `sendBeacon` can't send the key), up to 60 KB at a time.
 */
import { FeedbackClient } from "./feedback-client.js";
import type { CommonOptions } from "./options.js";
import { newId } from "./sending/items.js";

export { ConfigurationError, ItemRefused, RatchetError, RequestFailed, type ErrorCode, type Report } from "./errors.js";
export type { CommonOptions } from "./options.js";
export type { Consent, FeedbackFields, FeedbackKind, Id } from "./sending/items.js";
export type { Counters } from "./sending/queue.js";

/** Characters of a body, of which each has at most three bytes: pages may send 64,000 bytes. */
const BATCH_CHARACTERS = 20_000;

/** Sends the feedback of a page's visitors. */
export class RatchetFeedback extends FeedbackClient {
  readonly #onHidden = () => {
    if (document.visibilityState === "hidden") this.sender.hurry();
  };

  /** Throws ConfigurationError where the URL or the key is missing or malformed. */
  constructor(options: CommonOptions) {
    super(
      { capacity: 1_000, capacityBytes: 4_000_000, ...options },
      { batchBytes: BATCH_CHARACTERS, keepalive: true },
      newId,
    );
    document.addEventListener("visibilitychange", this.#onHidden);
  }

  override close(timeoutMs?: number): Promise<boolean> {
    document.removeEventListener("visibilitychange", this.#onHidden);
    return super.close(timeoutMs);
  }
}
