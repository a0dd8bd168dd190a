// ShareGPT's conversations: messages with `from` (human, gpt, system, tool) and `value`.
import { chatFields } from "./extras.ts";
import { conversationReadings, readConversation } from "./messages.ts";
import { required, type Shape } from "./shape.ts";

export const sharegptShape: Shape = {
  name: "sharegpt",
  label: "ShareGPT",
  fields: [required("messages"), ...chatFields],
  recognise: (sample) =>
    conversationReadings(sample, "sharegpt", (column) => sample.hasShareGpt(column)),
  read: readConversation,
};
