// Names of speakers that data sets use, as roles of chat templates. Any other role stays as it is:
// the template decides.

/** Speakers in any list of messages. No chat template has these names as roles of its own. */
const speakers: ReadonlyMap<string, string> = new Map([
  ["human", "user"],
  ["gpt", "assistant"],
  ["chatgpt", "assistant"],
  ["bing", "assistant"],
  ["bard", "assistant"],
  ["model", "assistant"],
  ["bot", "assistant"],
  ["user", "user"],
  ["assistant", "assistant"],
  ["system", "system"],
  ["tool", "tool"],
]);

/** Further senders (`from`) of ShareGPT files, as LLaMA-Factory and Axolotl read them. */
const senders: ReadonlyMap<string, string> = new Map([
  ...speakers,
  ["function_call", "assistant"],
  ["function", "tool"],
  ["function_response", "tool"],
  ["observation", "tool"],
  ["tool_response", "tool"],
]);

/** The role of a `role`. */
export function roleOfSpeaker(name: string): string {
  return speakers.get(name.toLowerCase()) ?? name;
}

/** The role of a ShareGPT `from`. */
export function roleOfSender(name: string): string {
  return senders.get(name.toLowerCase()) ?? name;
}
