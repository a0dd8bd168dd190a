// Real text that every checkout has: prose, types and translated messages of its dependencies.
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../node_modules", import.meta.url));
const isWanted = /\.md$|\.d\.ts$|diagnosticMessages\.generated\.json$/;

/** A text ends with the line that reaches this many UTF-16 units. */
const textUnits = 1000;
/** Of a chat: a question and its answer. */
const questionUnits = 170;
const answerUnits = 230;

/** @returns texts of whole lines, drawn evenly from all files; fewer bytes where they have fewer */
export function dependencyTexts(bytes: number): string[] {
  const all = filesIn(folder).flatMap((path) => textsOf(readFileSync(path, "utf8")));
  const size = all.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const share = Math.min(1, bytes / size);
  return all.filter((_, index) => Math.floor((index + 1) * share) > Math.floor(index * share));
}

/** Writes JSON Lines of chats of one turn, cut from those texts. @param bytes reached, or all */
export function writeTextChats(path: string, bytes: number): void {
  const file = openSync(path, "w");
  let written = 0;
  for (const text of dependencyTexts(Infinity)) {
    const chats = chatsOf(text).map((messages) => `${JSON.stringify({ messages })}\n`);
    written += writeSync(file, chats.join(""));
    if (written >= bytes) {
      break;
    }
  }
  closeSync(file);
}

function filesIn(path: string): string[] {
  const entries = readdirSync(path, { withFileTypes: true });
  return entries
    .filter(({ name }) => !name.startsWith("."))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const own = join(path, entry.name);
      return entry.isDirectory() ? filesIn(own) : isWanted.test(entry.name) ? [own] : [];
    });
}

function textsOf(content: string): string[] {
  const texts: string[] = [];
  let text = "";
  for (const line of content.split("\n")) {
    text += `${line}\n`;
    if (text.length >= textUnits) {
      texts.push(text);
      text = "";
    }
  }
  return text.trim() === "" ? texts : [...texts, text];
}

function chatsOf(text: string) {
  const count = Math.floor(text.length / (questionUnits + answerUnits));
  return Array.from({ length: count }, (_, index) => {
    const begin = index * (questionUnits + answerUnits);
    const middle = begin + questionUnits;
    return [
      { role: "user", content: `${index}: ${text.slice(begin, middle)}` },
      { role: "assistant", content: `${index}: ${text.slice(middle, middle + answerUnits)}` },
    ];
  });
}
