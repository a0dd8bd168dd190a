// Text as a metadata value.
import type { TypedValue } from "../../formats/gguf/write-value.ts";

/** Half a surrogate pair, which foreign names may hold, has no UTF-8 and becomes U+FFFD. */
export function textValue(text: string): TypedValue {
  return { type: "string", value: text.replace(/\p{Surrogate}/gu, "\ufffd") };
}
