// The package as apps import it: ES modules, CommonJS, types, and no dependencies.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);
const description = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

test("both kinds of module export the same", async () => {
  const [module, common] = [await import("@ratchet/client"), require("@ratchet/client")];
  assert.deepEqual(Object.keys(module).sort(), Object.keys(common).sort());
  const [page, commonPage] = [await import("@ratchet/client/browser"), require("@ratchet/client/browser")];
  assert.deepEqual(Object.keys(page).sort(), Object.keys(commonPage).sort());
  assert.equal(page.Ratchet, undefined); // pages may not record executions or receive prompts
});

test("there are no dependencies, and the lock file names no registry", () => {
  assert.equal(description.dependencies, undefined);
  assert.equal(description.peerDependencies, undefined);
  const lock = readFileSync(join(ROOT, "package-lock.json"), "utf8");
  assert.doesNotMatch(lock, /https?:|"resolved"/);
  assert.match(lock, /"integrity": "sha512-/);
});

const APP = `import { Ratchet, PromptError, type Options } from "@ratchet/client";
const options: Options = { url: "https://r.example", key: "k" };
export async function answer(client = new Ratchet(options)): Promise<string> {
  const prompt = await client.prompt("answer", { default: "Answer {{question}}", target: "bot" });
  const id = client.record({ prompts: [prompt], input: "x", latencyMs: 3 });
  return client.feedback(id, { kind: "thumb", value: true });
}
// @ts-expect-error: a kind that does not exist
export const wrong = (client: Ratchet) => client.feedback("e", { kind: "stars", value: 1 });
export { PromptError };
`;
const PAGE = `import { RatchetFeedback } from "@ratchet/client/browser";
export const client = new RatchetFeedback({ url: "https://r.example", key: "k" });
`;

test("an app in TypeScript finds the types, as a module and as CommonJS", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ratchet-types-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "node_modules/@ratchet"), { recursive: true });
  symlinkSync(ROOT, join(folder, "node_modules/@ratchet/client"));
  writeFileSync(join(folder, "app.mts"), APP);
  writeFileSync(join(folder, "app.cts"), APP);
  writeFileSync(join(folder, "page.mts"), PAGE);
  const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "node16", "--target", "es2022"];
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const files = ["app.mts", "app.cts", "page.mts"];
  execFileSync(process.execPath, [tsc, ...options, ...files], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
});

test("a script that sends and does not close ends by itself, and loses nothing", () => {
  const script = `
    import { createServer } from "node:http";
    import { Ratchet } from "@ratchet/client";
    const server = createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      const items = JSON.parse(Buffer.concat(parts));
      console.log(items.length);
      response.end(JSON.stringify({ results: items.map(({ id }) => ({ id, status: "accepted" })) }));
      server.close();
      server.closeIdleConnections();
    }).listen(0, "127.0.0.1", () => {
      const client = new Ratchet({ url: "http://127.0.0.1:" + server.address().port, key: "k" });
      client.feedback("e", { kind: "thumb", value: true });
      server.unref();
    });`;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: ROOT,
    timeout: 60_000,
  });
  assert.equal(String(output), "1\n");
});
