// Writes templates.json: the Go templates that we make of chat templates, and what Go's own
// text/template prints with them. Run with Go 1.19 or newer: npx tsx tests/golden/gguf/templates.ts
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chatPiecesOf } from "../../../src/export/gguf/chat-pieces.ts";
import { goTemplate } from "../../../src/export/gguf/modelfile.ts";
import {
  sampleChats,
  sampleDate,
  sampleTemplates,
  tokenizerWith,
} from "../../support/template-samples.ts";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const { signal } = new AbortController();
const templates: Record<string, string> = {};
for (const [name, source] of await sampleTemplates()) {
  const pieces = await chatPiecesOf(await tokenizerWith(source), signal, sampleDate);
  if (pieces !== null) {
    templates[name] = goTemplate(pieces);
  }
}
const chats = sampleChats.map((chat) =>
  chat.map(({ role, content }) => ({ Role: role, Content: content })),
);
const { stdout, stderr, status } = spawnSync("go", ["run", here("templates.go")], {
  input: JSON.stringify({ templates, chats }),
  encoding: "utf8",
});
if (status !== 0) {
  throw new Error(stderr);
}
const printed = JSON.parse(stdout) as Record<string, string[]>;
const golden = Object.fromEntries(
  Object.entries(templates).map(([name, template]) => [name, { template, texts: printed[name] }]),
);
writeFileSync(here("templates.json"), `${JSON.stringify(golden, null, 1)}\n`);
