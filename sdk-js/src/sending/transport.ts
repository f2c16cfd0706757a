/** HTTP requests with a deadline and a limit for the response. */

export const MAX_RESPONSE_BYTES = 1_000_000;

export type Fetch = typeof globalThis.fetch;
export type Answer = { readonly status: number; readonly headers: Headers; readonly body: string };

/** Send a request and read the response within `timeoutMs`. Throws what fetch throws, and an Error past the limit. */
export async function request(fetch: Fetch, url: string, timeoutMs: number, init: RequestInit): Promise<Answer> {
  // No cookies, and no redirects: both would be sent to or set by a server that is not Ratchet.
  const safe: RequestInit = {
    ...init,
    credentials: "omit",
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
  };
  const response = await fetch(url, safe);
  return { status: response.status || 302, headers: response.headers, body: await readText(response) };
}

async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    if (bytes > MAX_RESPONSE_BYTES) {
      await reader.cancel();
      throw new Error("the response is too long");
    }
    text += decoder.decode(value, { stream: true });
  }
  return text + decoder.decode();
}
