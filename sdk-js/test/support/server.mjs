// An HTTP server that answers as Ratchet does, and counts effects by id.
import { createServer } from "node:http";

export const ok = (items) => ({ results: items.map((item) => ({ id: item.id, status: "accepted" })) });

/** Start a server. `answers` maps "POST /v1/feedback" to a function (request, items) → [status, body, headers]. */
export async function fakeServer(t, answers = {}) {
  const found = { requests: [], effects: new Map(), streams: new Set(), reports: [], answers };
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const path = request.url.split("?")[0];
    if (path.startsWith("/v1/instances/")) {
      found.reports.push(JSON.parse(body));
      return void response.writeHead(204).end();
    }
    const sent = {
      method: request.method,
      url: request.url,
      path,
      headers: request.headers,
      items: body ? JSON.parse(body) : [],
    };
    found.requests.push(sent);
    if (path === "/v1/stream") return void openStream(found, request, response);
    const answer = found.answers[`${request.method} ${path}`] ?? ((_, items) => [200, ok(items)]);
    const [status, content, headers = {}] = await answer(sent, sent.items);
    if (status < 300) for (const { id } of sent.items) found.effects.set(id, (found.effects.get(id) ?? 0) + 1);
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof content === "string" ? content : JSON.stringify(content));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  found.url = `http://127.0.0.1:${server.address().port}`;
  found.push = (payload) => {
    for (const stream of found.streams) stream.write(`event: prompt\ndata: ${JSON.stringify(payload)}\n\n`);
  };
  return found;
}

function openStream(found, request, response) {
  const [status, headers = {}] = found.answers["GET /v1/stream"]?.(request) ?? [200];
  response.writeHead(status, { "content-type": "text/event-stream", ...headers });
  if (status !== 200) return response.end();
  response.write(": connected\n\n");
  found.streams.add(response);
  request.on("close", () => found.streams.delete(response));
}

/** Wait until `check` returns something truthy. */
export async function eventually(check, within = 20_000) {
  const deadline = Date.now() + within;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not within ${within} ms: ${check}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
