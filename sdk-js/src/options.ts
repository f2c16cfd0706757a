/** Options of a client: arguments, else (in Node.js) environment variables. */
import { ConfigurationError, type Report } from "./errors.js";
import type { Fetch } from "./sending/transport.js";

/** Options of every client. Times in milliseconds. */
export type CommonOptions = {
  /** The server, such as https://ratchet.example; RATCHET_URL. */
  url?: string | undefined;
  /** The API key; RATCHET_KEY. In a page only a `browser-ingest` key, since everyone can read it. */
  key?: string | undefined;
  /** Items that may wait to be sent, and the characters of their JSON; when full, new items are dropped and counted. */
  capacity?: number | undefined;
  capacityBytes?: number | undefined;
  /** Deadline of each request. */
  timeoutMs?: number | undefined;
  /** How long items wait for others, to share a request. */
  flushIntervalMs?: number | undefined;
  /** Receives refused items, dropped fields and lasting failures; `console.warn` by default. */
  report?: Report | undefined;
  fetch?: Fetch | undefined;
};

/** Return the URL without a slash at its end, and the key. Throws ConfigurationError. */
export function readServer(options: CommonOptions): { url: string; key: string } {
  const url = (options.url ?? "").trim().replace(/\/+$/, "");
  const key = (options.key ?? "").trim();
  if (!url || !key) throw new ConfigurationError(`${url ? "the API key" : "the server's URL"} is not set`);
  if (!/^https?:\/\/[^/\s?#]+/.test(url)) {
    throw new ConfigurationError("the server's URL must begin with http:// or https://");
  }
  if (!/^[\x21-\x7e]+$/.test(key)) throw new ConfigurationError("the API key must be printable ASCII");
  return { url, key };
}

export const warn: Report = (error) => console.warn(`ratchet: ${error.message}`);
