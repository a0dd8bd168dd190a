// The fault of a chat template.
import { UserError } from "../../util/errors.ts";

/** @param fault continues the sentence "The chat template ..." */
export function badTemplate(fault: string): UserError {
  return new UserError("bad-tokenizer", `The chat template ${fault}.`, {
    where: "chat_template",
    remedy:
      "Choose raw as chat template under Recipe with prompt and completion rows, or a model whose chat template works.",
  });
}
