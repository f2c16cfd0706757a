/** UUIDs that are derived from a name (RFC 9562, version 5), as the Python SDK derives them. */

const NAMESPACE_URL = "6ba7b8119dad11d180b400c04fd430c8";

/** Return the UUID of a name in the namespace of URLs. */
export function derivedId(name: string): string {
  const namespace = NAMESPACE_URL.match(/../g)?.map((byte) => parseInt(byte, 16)) ?? [];
  const hash = sha1(Uint8Array.from([...namespace, ...new TextEncoder().encode(name)]));
  hash[6] = ((hash[6] as number) & 0x0f) | 0x50;
  hash[8] = ((hash[8] as number) & 0x3f) | 0x80;
  const hex = hash.slice(0, 16).reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

/** Return the SHA-1 of `content`: WebCrypto's would have to be awaited. It protects nothing here. */
function sha1(content: Uint8Array): number[] {
  const length = (((content.length + 8) >> 6) + 1) * 64;
  const padded = new Uint8Array(length);
  padded.set(content);
  padded[content.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(length - 4, content.length * 8);
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  for (let start = 0; start < length; start += 64) addBlock(state, view, start);
  return state.flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 255));
}

function addBlock(state: number[], view: DataView, start: number): void {
  const words: number[] = [];
  let [a, b, c, d, e] = state as [number, number, number, number, number];
  for (let i = 0; i < 80; i++) {
    const word =
      i < 16
        ? view.getUint32(start + i * 4)
        : rotated(
            [3, 8, 14, 16].reduce((mix, back) => mix ^ (words[i - back] as number), 0),
            1,
          );
    words.push(word);
    const mixed = i < 20 ? (b & c) | (~b & d) : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
    const added = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6][Math.floor(i / 20)] as number;
    [a, b, c, d, e] = [(rotated(a, 5) + mixed + e + added + word) | 0, a, rotated(b, 30), c, d];
  }
  [a, b, c, d, e].forEach((word, i) => (state[i] = ((state[i] as number) + word) | 0));
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
