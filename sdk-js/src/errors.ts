/** Errors of the client. `code` is one of a closed set and does not change between versions. */

export type ErrorCode =
  | "configuration"
  | "prompt-invalid"
  | "prompt-missing"
  | "prompt-untrusted"
  | "prompt-incompatible"
  | "prompt-folder"
  | "item-refused"
  | "fields-dropped"
  | "queue-full"
  | "items-abandoned"
  | "request-failed";

/** The base class of all errors that the client throws or reports. */
export class RatchetError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
    this.name = new.target.name;
  }
}

/** The URL, the API key, or a public key is missing or malformed. */
export class ConfigurationError extends RatchetError {
  constructor(message: string) {
    super("configuration", message);
  }
}

/** A request got no usable answer and is repeated. `misconfigured`: until somebody corrects the URL or the key. */
export class RequestFailed extends RatchetError {
  constructor(
    message: string,
    readonly status: number | undefined,
    readonly misconfigured: boolean,
  ) {
    super("request-failed", message);
  }
}

/** The server refused an item for good, or it could not be converted. */
export class ItemRefused extends RatchetError {
  constructor(
    readonly itemId: string,
    reason: string,
  ) {
    super("item-refused", `${itemId} was not sent: ${reason}`);
  }
}

/** Receives what the client reports in the background. */
export type Report = (error: RatchetError) => void;
