/** `@ratchet/client` for servers. Pages import `@ratchet/client/browser` or `@ratchet/client/thumbs`. */
export { Ratchet, type Execution, type Options } from "./client.js";
export { NoPrompt, ServedPrompt, type Default } from "./delivery/served-prompt.js";
export { UntrustedPrompt } from "./delivery/verification.js";
export { ConfigurationError, ItemRefused, RatchetError, RequestFailed, type ErrorCode, type Report } from "./errors.js";
export type { CommonOptions } from "./options.js";
export { fromText, parse, type Prompt } from "./prompt/document.js";
export { promptDigest } from "./prompt/digests.js";
export { PromptError } from "./prompt/errors.js";
export { render, type Examples, type RenderedMessage } from "./prompt/render.js";
export type { ExecutionFields, PromptLabel } from "./sending/executions.js";
export type { Consent, FeedbackFields, FeedbackKind, Id } from "./sending/items.js";
export type { Counters } from "./sending/queue.js";
export { UserSession, type SessionOptions } from "./sessions/user-session.js";
