/** Server-sent events of a response (HTML standard, 9.2), with a limit for the size of one event. */

const MAX_EVENT = 1_000_000;

export type ServerEvent = { readonly type: string; readonly data: string };

/** Yield the events of a body; `onChunk` is called for whatever arrives. Throws for an event over 1,000,000 units. */
export async function* serverEvents(
  body: ReadableStream<Uint8Array>,
  onChunk: () => void,
): AsyncGenerator<ServerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let [text, type, data] = ["", "", [] as string[]];
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      onChunk();
      text += decoder.decode(chunk.value, { stream: true });
      const lines = text.split(/\r\n|\n|\r(?!$)/);
      text = lines.pop() ?? "";
      for (const line of lines) {
        if (line) [type, data] = withField(line, type, data);
        else {
          if (data.length) yield { type: type || "message", data: data.join("\n") };
          [type, data] = ["", []];
        }
      }
      if (text.length + data.reduce((sum, line) => sum + line.length, 0) > MAX_EVENT)
        throw new Error("an event is too long");
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function withField(line: string, type: string, data: string[]): [string, string[]] {
  const [, name, value] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? [];
  if (name === "event") return [value ?? "", data];
  return name === "data" ? [type, [...data, value ?? ""]] : [type, data];
}
