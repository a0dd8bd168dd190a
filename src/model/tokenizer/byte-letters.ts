// Maps bytes to letters as GPT-2 does: each of the 256 bytes has a visible character, so that words
// of bytes are texts. Source: bytes_to_unicode in openai/gpt-2 (src/encoder.py).

const letterOfByte: string[] = [];
const byteOfLetter = new Map<string, number>();

for (let byte = 0, shifted = 256; byte < 256; byte++) {
  const isVisible =
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const letter = String.fromCharCode(isVisible ? byte : shifted++);
  letterOfByte.push(letter);
  byteOfLetter.set(letter, byte);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The UTF-8 of a text, one letter per byte. */
export function bytesToLetters(text: string): string {
  let letters = "";
  for (const byte of encoder.encode(text)) {
    letters += letterOfByte[byte] ?? "";
  }
  return letters;
}

/**
 * The inverse. A token with any other character stands for its UTF-8. Invalid UTF-8 becomes U+FFFD.
 */
export function lettersToText(tokens: readonly string[]): string {
  const bytes = tokens.flatMap((token) => {
    const own = Array.from(token, (letter) => byteOfLetter.get(letter));
    return own.includes(undefined) ? [...encoder.encode(token)] : own.filter(isByte);
  });
  return decoder.decode(Uint8Array.from(bytes));
}

function isByte(byte: number | undefined): byte is number {
  return byte !== undefined;
}
