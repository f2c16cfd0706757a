/** Sessions of an app's users: they send what a user did after each answer, as far as it can be derived. */
import type { Execution } from "../client.js";
import type { Consent, FeedbackFields, Id } from "../sending/items.js";
import { identifier } from "../sending/values.js";
import { inputPrint } from "./next-steps.js";
import type { Derived, OpenAnswers } from "./open-answers.js";

/** Whose executions and feedback those of a session are, where they say nothing else. */
export type SessionOptions = { user?: Id | undefined; consent?: Consent | undefined };

/** The part of the client that sessions use. */
export type Recorder = {
  record(execution: Execution): string;
  feedback(executionId: Id | null | undefined, fields: FeedbackFields): string;
};

/**
 * One session of a user, such as a conversation: records its executions, and sends what the user did next.
 *
 * Make it anew for each request, or keep it: what it needs to know is kept in the client, in this process.
 */
export class UserSession {
  readonly #client: Recorder;
  readonly #answers: OpenAnswers;
  readonly #id: Id;
  readonly #options: SessionOptions;

  constructor(client: Recorder, answers: OpenAnswers, id: Id, options: SessionOptions) {
    this.#client = client;
    this.#answers = answers;
    this.#id = id;
    this.#options = options;
  }

  /**
   * Record one LLM call of the session, as `Ratchet.record` does, and send the step after the call before.
   *
   * A call with `parentId` is a part of another one: it is not a step.
   */
  record(execution: Execution): string {
    const fields = { session: this.#id, ...this.#options, ...execution };
    const executionId = this.#client.record(fields);
    const key = this.#key();
    if (key !== null && (fields.parentId ?? null) === null) {
      const { user, consent } = fields;
      this.#send(this.#answers.add(key, { executionId, input: inputPrint(fields.input), user, consent }));
    }
    return executionId;
  }

  /** Send feedback about the session as a whole, as `Ratchet.feedback` does; return its id. */
  feedback(fields: Omit<FeedbackFields, "session" | "traceId">): string {
    return this.#client.feedback(null, { ...this.#options, ...fields, session: this.#id });
  }

  /** Say that the user has left, and send `abandon` for a last answer that was a retry. */
  end(): void {
    const key = this.#key();
    if (key !== null) this.#send(this.#answers.end(key));
  }

  #key(): string | null {
    try {
      return identifier(this.#id);
    } catch {
      return null; // an odd value, which `record` leaves out: the app goes on
    }
  }

  #send(derived: readonly Derived[]): void {
    for (const [answer, kind] of derived) {
      const { user, consent } = answer;
      this.#client.feedback(answer.executionId, { kind, user, consent });
    }
  }
}
