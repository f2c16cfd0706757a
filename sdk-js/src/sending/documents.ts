/** Prompt documents in the bodies of executions: each is sent until the server has it. */
import type { Json } from "../prompt/canonical.js";
import type { Body, Item } from "./items.js";
import { writeItems } from "./queue.js";

const MOST = 1_000;

/** The last documents that the server accepted, by digest. Forgetting one is safe: it is sent again. */
export class KnownDocuments {
  readonly #digests = new Set<string>();

  /** Add the documents of items that the server kept. */
  readonly add = (items: readonly Item[]): void => {
    for (const use of items.flatMap((item) => item.uses)) this.#digests.add(use.digest);
    for (const digest of this.#digests) {
      if (this.#digests.size <= MOST) break;
      this.#digests.delete(digest);
    }
  };

  /** Return the body of a batch, with each document once that the server may not have. */
  readonly write = (items: readonly Item[]): string => {
    const included = new Set(this.#digests);
    return writeItems(
      items.map((item) => {
        const missing = new Map(
          item.uses.filter((use) => !included.has(use.digest)).map((use) => [use.digest, use.document]),
        );
        for (const digest of missing.keys()) included.add(digest);
        return missing.size ? { ...item, json: withDocuments(item.json, missing) } : item;
      }),
    );
  };
}

function withDocuments(json: string, documents: ReadonlyMap<string, string>): string {
  const body = JSON.parse(json) as Body & { prompts: Body[] };
  for (const prompt of body.prompts) {
    const document = documents.get(String(prompt.digest));
    if (document !== undefined) prompt.document = JSON.parse(document) as Json;
  }
  return JSON.stringify(body);
}
