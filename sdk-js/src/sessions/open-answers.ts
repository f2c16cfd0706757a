/** The last answer of each session of this process, of which the user's next step is not known yet. */
import { IDLE_S, lastStep, nextStep, type Answer, type Step } from "./next-steps.js";

export const MAX_SESSIONS = 5_000;

/** An answer, and what its user did next. */
export type Derived = readonly [answer: Answer, step: Step];

/** At most 5,000 answers; that of the session used longest ago is forgotten. */
export class OpenAnswers {
  readonly #answers = new Map<string, Answer>();
  readonly #clock: () => number;

  /** `clock` returns seconds that never go back. */
  constructor(clock: () => number = () => performance.now() / 1_000) {
    this.#clock = clock;
  }

  /** Add an answer; return the steps that are known by now, also of sessions that were left. */
  add(session: string, answer: Omit<Answer, "at" | "retried">): Derived[] {
    const now = this.#clock();
    const previous = this.#answers.get(session);
    this.#answers.delete(session);
    const derived = this.#left(now);
    if (previous?.executionId === answer.executionId) {
      this.#answers.set(session, previous); // recorded again
      return derived;
    }
    const step = previous ? nextStep(previous, answer.input, now) : null;
    this.#answers.set(session, { ...answer, at: now, retried: step === "requery" || step === "regenerate" });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MAX_SESSIONS) break;
      this.#answers.delete(oldest);
    }
    return previous && step ? [...derived, [previous, step]] : derived;
  }

  /** Forget a session; return the step of its last answer, if it is known. */
  end(session: string): Derived[] {
    const previous = this.#answers.get(session);
    this.#answers.delete(session);
    const step = previous ? lastStep(previous) : null;
    return previous && step ? [[previous, step]] : [];
  }

  /** Forget the sessions without a call for 30 minutes; return the steps of their last answers. */
  #left(now: number): Derived[] {
    const derived: Derived[] = [];
    for (const [session, answer] of this.#answers) {
      if (now - answer.at <= IDLE_S) break;
      this.#answers.delete(session);
      const step = lastStep(answer);
      if (step) derived.push([answer, step]);
    }
    return derived;
  }
}
