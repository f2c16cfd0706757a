/**
 * Live prompts in a folder: what an app that starts while the server is unavailable serves.
 *
 * The files are those of the Python SDK: one per server, key and prompt name, readable by its owner only. For Node.js.
 */
import { sha256 } from "../crypto.js";
import { RatchetError, type Report } from "../errors.js";
import { isObject } from "../prompt/canonical.js";
import { MAX_RESPONSE_BYTES } from "../sending/transport.js";

const MAX_FILE_BYTES = 2 * MAX_RESPONSE_BYTES;
const OTHERS_MAY_WRITE = 0o022;

/** A payload as it was received, and the public keys by id that were trusted then. Neither is verified yet. */
export type SavedPrompt = { readonly payload: unknown; readonly keys: ReadonlyMap<string, string> };

type FileHandle = {
  stat(): Promise<{ uid: number; mode: number; size: number }>;
  readFile(encoding: "utf8"): Promise<string>;
  close(): Promise<void>;
};

/** The functions of `node:fs/promises` that are used: the client has no types of Node.js. */
type Files = {
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<unknown>;
  open(path: string): Promise<FileHandle>;
  writeFile(path: string, text: string, options: { mode: number; flag: "wx" }): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: true }): Promise<void>;
};

/** A failure is reported and changes nothing. */
export class SavedPrompts {
  readonly #folder: string;
  readonly #scope: string;
  readonly #report: (error: RatchetError) => void;
  #hasFailed = false;

  constructor(folder: string, server: { readonly url: string; readonly key: string }, report: Report) {
    [this.#folder, this.#scope] = [folder, `${server.url}\n${server.key}\n`];
    this.#report = report;
  }

  /** Return what was saved of a name, if anything can be read and nobody else may have written it. */
  async load(name: string): Promise<SavedPrompt | undefined> {
    const path = await this.#path(name);
    try {
      const content: unknown = JSON.parse(await readOwn(path));
      if (!isObject(content) || !isObject(content.keys) || content.payload === undefined)
        throw new Error("it has another shape");
      return { payload: content.payload, keys: new Map(Object.entries(content.keys) as [string, string][]) };
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") this.#tell(`${path} is not used`, error);
      return undefined;
    }
  }

  /** Replace what was saved of a name, all or nothing; creates the folder. */
  async save(name: string, payload: unknown, keys: ReadonlyMap<string, string>): Promise<void> {
    const path = await this.#path(name);
    const temporary = `${path}.${crypto.randomUUID()}.tmp`;
    await this.#attempt(async ({ mkdir, writeFile, rename, rm }) => {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      try {
        const text = JSON.stringify({ payload, keys: Object.fromEntries(keys) });
        await writeFile(temporary, text, { mode: 0o600, flag: "wx" });
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    });
  }

  /** Delete what was saved of a name. */
  async delete(name: string): Promise<void> {
    const path = await this.#path(name);
    await this.#attempt(({ rm }) => rm(path, { force: true }));
  }

  async #path(name: string): Promise<string> {
    return `${this.#folder}/${(await sha256(this.#scope + name)).slice(0, 40)}.json`;
  }

  /** Report the first failure: a full or read-only disk must neither stop the app nor fill its log. */
  async #attempt(work: (files: Files) => Promise<void>): Promise<void> {
    try {
      await work(await files());
    } catch (error) {
      if (!this.#hasFailed) this.#tell(`prompts are not saved in ${this.#folder}`, error);
      this.#hasFailed = true;
    }
  }

  #tell(what: string, error: unknown): void {
    try {
      this.#report(new RatchetError("prompt-folder", `${what}: ${error instanceof Error ? error.message : "unknown"}`));
    } catch {
      // the app's own function
    }
  }
}

/** Return the content of a file that only this process's user, or root, may write. Rejects otherwise. */
async function readOwn(path: string): Promise<string> {
  const file = await (await files()).open(path);
  try {
    const { uid, mode, size } = await file.stat();
    const own = processOf().geteuid?.(); // not on Windows
    if (own !== undefined && ((uid !== 0 && uid !== own) || mode & OTHERS_MAY_WRITE))
      throw new Error("another user may have written it");
    if (size > MAX_FILE_BYTES) throw new Error("it is too large");
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

async function files(): Promise<Files> {
  const name = "node:fs/promises"; // a variable: bundlers for pages leave it alone
  return (await import(name)) as Files;
}

function processOf(): { geteuid?: () => number } {
  return (globalThis as { process?: { pid?: number; geteuid?: () => number } }).process ?? {};
}
