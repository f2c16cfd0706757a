/** Validation of prompt names. */
import { PromptError } from "./errors.js";

const MAX_NAME = 128;
/**
 * Controls, unassigned, invisible and blank characters, and whitespace other than a space. Joiners and the variation
 * selector that some scripts and emoji need are left to the server, which knows where they are needed.
 */
const HIDING =
  /(?![\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}\ufe0f\u200c\u200d ])[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}]/u;

/** Return the name in Unicode NFC, so that names that look equal are equal. Case matters. Throws PromptError. */
export function promptName(value: unknown, field = "name"): string {
  if (typeof value !== "string") throw new PromptError(field, "must be a text");
  const name = value.normalize("NFC");
  const length = [...name].length;
  if (length < 1 || length > MAX_NAME) throw new PromptError(field, `must have 1 to ${MAX_NAME} characters`);
  if (HIDING.test(name)) {
    throw new PromptError(field, "must not contain a control or invisible character, or whitespace other than a space");
  }
  if (name.includes(",")) throw new PromptError(field, "must not contain a comma");
  if (name !== name.trim()) throw new PromptError(field, "must not begin or end with a space");
  if (name.split("/").some((part) => ["", ".", ".."].includes(part))) {
    throw new PromptError(field, "must not have an empty part, . or .. between slashes");
  }
  return name;
}
