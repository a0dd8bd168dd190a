// Writes a file of made-up chats: English words by their usual frequency, so that tokens are as
// long as in real text. One turn a row: of several, TRL's template for training writes earlier
// answers otherwise than the model's own.
import { closeSync, openSync, writeSync } from "node:fs";
import { uniforms } from "../../../src/util/random.ts";

const words =
  `the of and to in a is that for it as was with be by on not he his but at are this have from or
  had an they which one you were her all she there would their we him been has when who will more
  no if out so said what up its about into than them can only other new some could time these two
  may then do first any my now such like our over man me even most made after also did many before
  must through back years where much your way well down should because each just those people how
  too little state good very make world still own see men work long get here between both life
  being under never day same another know while last might us great old year off come since against
  go came right used take three`.split(/\s+/);

const wordsPerMessage = 120;
const rowsPerWrite = 1000;

/** @param bytes of the file, met within one write */
export function writeChats(path: string, bytes: number): void {
  const file = openSync(path, "w");
  for (let written = 0, row = 0; written < bytes; row += rowsPerWrite) {
    const lines = Array.from({ length: rowsPerWrite }, (_, index) => chat(row + index));
    written += writeSync(file, lines.join(""));
  }
  closeSync(file);
}

function chat(row: number): string {
  const draws = uniforms(5, row, 2 * wordsPerMessage);
  const messages = Array.from({ length: 2 }, (_, turn) => ({
    role: turn === 0 ? "user" : "assistant",
    content: sentence(draws.subarray(turn * wordsPerMessage, (turn + 1) * wordsPerMessage)),
  }));
  return `${JSON.stringify({ messages })}\n`;
}

function sentence(draws: Float32Array): string {
  // The square favours the frequent words, which come first.
  const picked = Array.from(draws, (draw) => words[Math.floor(draw * draw * words.length)] ?? "");
  const text = picked.join(" ");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
