/** Digests and signatures by WebCrypto. */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const BASE64URL = /^[A-Za-z0-9_-]*$/;

let loaded: Promise<Crypto> | undefined;

/** Return the runtime's WebCrypto. Node.js 18 has it only as a module. */
function webCrypto(): Promise<Crypto> {
  loaded ??= (async () => {
    if (globalThis.crypto?.subtle) return globalThis.crypto;
    const name = "node:crypto";
    return ((await import(name)) as { webcrypto: Crypto }).webcrypto;
  })();
  return loaded;
}

/** Return the hexadecimal SHA-256. */
export async function sha256(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const hash = new Uint8Array(await (await webCrypto()).subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => HEX[byte]).join("");
}

/** Return the digest of a canonical text: `sha256:` and 64 hexadecimal digits. */
export async function digestOf(canonical: string): Promise<string> {
  return `sha256:${await sha256(canonical)}`;
}

/** Return the id of a public key: the first 16 hexadecimal digits of its SHA-256. Throws for a malformed key. */
export async function keyId(publicKey: string): Promise<string> {
  return (await sha256(decoded(publicKey))).slice(0, 16);
}

/** Tell whether the owner of `publicKey` signed exactly `message` (Ed25519). False for a malformed key or signature. */
export async function verify(publicKey: string, message: string, signature: string): Promise<boolean> {
  try {
    const { subtle } = await webCrypto();
    const key = await subtle.importKey("raw", decoded(publicKey), { name: "Ed25519" }, false, ["verify"]);
    return await subtle.verify({ name: "Ed25519" }, key, decoded(signature), new TextEncoder().encode(message));
  } catch {
    return false;
  }
}

/** Return the bytes of base64url without padding. Throws for anything else. */
function decoded(text: string): Uint8Array<ArrayBuffer> {
  if (typeof text !== "string" || !BASE64URL.test(text)) throw new TypeError("not base64url");
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
}
