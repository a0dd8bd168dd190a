// How a prompt reaches the model, in words.
import type { PromptForm } from "../../session/protocol.ts";

/** More of a system message is not shown. */
const shownCharacters = 200;

/** "Sent as a user's message, after the system message “Be brief.”, as the rows are trained." */
export function describePromptForm({ isChat, system }: PromptForm): string {
  const what = isChat ? "Sent as a user's message" : "Sent as text, without the chat template";
  const shown =
    system.length > shownCharacters ? `${system.slice(0, shownCharacters - 1)}…` : system;
  const after = system === "" ? "" : `, after the system message “${shown}”`;
  return `${what}${after}, as the rows are trained.`;
}
