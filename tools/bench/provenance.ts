// Times rendering with the origin of every character beside rendering without, in Node.
import { readdirSync, readFileSync } from "node:fs";
import type { ChatMessage } from "../../src/data/tokenizer.ts";
import { renderChats, traceChats } from "../../src/model/chat-template/render.ts";
import type { ProvenanceRow } from "./report.ts";
import { median } from "./timing.ts";

const folder = new URL("../../tests/golden/chat-templates/templates/", import.meta.url);
const specialTokens = { bos_token: "<s>", eos_token: "</s>" };

/** Chats of one run: the parse of the template counts once for all. */
const chats = 50;
const rounds = 41;
const messages = 20;
const characters = 400;

/** A row for each golden template, and one for all of them together. */
export function measureProvenance(quick: boolean, say: (line: string) => void): ProvenanceRow[] {
  const names = readdirSync(folder);
  const rows: ProvenanceRow[] = [];
  for (const name of quick ? names.slice(0, 2) : names) {
    say(`provenance ${name}`);
    const source = readFileSync(new URL(name, folder), "utf8");
    rows.push(measure(name.replace(".jinja", ""), source));
  }
  const sum = (column: "plainMs" | "tracedMs") =>
    rows.reduce((total, row) => total + row[column], 0);
  return [...rows, rowOf("all", sum("plainMs"), sum("tracedMs"))];
}

function measure(name: string, source: string): ProvenanceRow {
  const template = { source, specialTokens };
  const requests = Array.from({ length: chats }, (_, chat) => ({
    messages: conversation(chat),
    addGenerationPrompt: false,
  }));
  const plain: number[] = [];
  const traced: number[] = [];
  for (let round = 0; round < rounds; round++) {
    plain.push(cpuMs(() => renderChats(template, requests)));
    traced.push(cpuMs(() => traceChats(template, requests)));
  }
  return rowOf(name, median(plain) / chats, median(traced) / chats);
}

function rowOf(template: string, plainMs: number, tracedMs: number): ProvenanceRow {
  return { template, plainMs, tracedMs, "traced/plain": tracedMs / plainMs };
}

/** Processor time, which other load on the machine changes least. */
function cpuMs(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function conversation(chat: number): ChatMessage[] {
  return Array.from({ length: messages }, (_, index) => {
    const words = Array.from({ length: characters / 5 }, (_, word) => (chat + index * word) % 1000);
    const content = words.map((word) => `w${String(word).padStart(3, "0")}`).join(" ");
    return { role: index % 2 === 0 ? "user" : "assistant", content };
  });
}
