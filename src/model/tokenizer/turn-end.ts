// The token that ends an answer in a chat template: a model trained on chats ends its answers with
// it, whatever its end-of-sequence token is.
import type { ModelTokenizer } from "./tokenizer.ts";

/** An answer that no template writes itself. */
const probe = "A1b2C3";

/**
 * The first special token after an answer; none where the template has none there.
 * @throws what `renderChats` throws
 */
export async function turnEnds(
  tokenizer: ModelTokenizer,
  prompt: string,
  signal: AbortSignal,
): Promise<number[]> {
  const messages = [
    { role: "user", content: prompt },
    { role: "assistant", content: probe },
  ];
  const [text = ""] = await tokenizer.renderChats(
    [{ messages, addGenerationPrompt: false }],
    signal,
  );
  const at = text.lastIndexOf(probe);
  const after = at < 0 ? [] : tokenizer.encodeRendered(text.slice(at + probe.length));
  return after.filter((token) => isSpecial(tokenizer, token)).slice(0, 1);
}

/** A special token is left out of a decoded text; a decoder strips the first space of others. */
function isSpecial(tokenizer: ModelTokenizer, token: number): boolean {
  return tokenizer.decode([token, token]) === "" && tokenizer.decodeToken(token) !== "";
}
