// What is trained of each answer of a traced chat, in characters.
//
// Trained is what the turn of an assistant message printed, after the header that opens an answer,
// to the end of what the turn printed: the end-of-turn token and the newline behind it, as TRL's
// templates for training do (trl/chat_templates). `{% generation %}` blocks decide instead.
import type { ChatMessage, RenderedChat, TextSpan } from "../tokenizer.ts";
import { endOfTurns, type AnswerForm } from "./form.ts";
import {
  clip,
  commonLength,
  isForeign,
  isOwn,
  joined,
  ownBegin,
  turnsOf,
  type Stretch,
  type Turn,
} from "./stretches.ts";

/** The trained text of one assistant message. */
export interface Answer {
  /** Index of the message. */
  message: number;
  trained: readonly Stretch[];
  /** What the template wrote before the message's own text ended, such as an empty thought. */
  supplied: readonly Stretch[];
  /** What came out of the message's own fields but its role, trained or not. */
  own: readonly Stretch[];
  /** Index of the last character of the end of turn; null where no end is trained. */
  ending: number | null;
}

/**
 * @param alone texts that end with the answer, by message, of those that `answersToRenderAlone`
 * names
 */
export function answersOf(
  chat: RenderedChat,
  messages: readonly ChatMessage[],
  form: AnswerForm,
  alone: ReadonlyMap<number, RenderedChat>,
): Answer[] {
  const pieces = chat.spans;
  const turns = turnsOf(pieces);
  return messages.flatMap(({ role }, message) => {
    const turn = turns.get(message);
    if (role !== "assistant" || turn === undefined) {
      return [];
    }
    const trained = chat.hasGenerationBlocks
      ? generated(pieces, turn, messages.length)
      : printed({ chat, pieces, turns, messages, form }, turn, alone.get(message));
    return [describe(chat.text, pieces, turn, trained, form)];
  });
}

/**
 * The answers whose turn the template fills with text of later messages, as Gemma 4's does with the
 * results of tools: where such text begins shows in a text that ends with the answer.
 */
export function answersToRenderAlone(
  chat: RenderedChat,
  messages: readonly ChatMessage[],
): number[] {
  const hasLaterText = ({ message, pieces }: Turn) => pieces.some(({ from }) => from > message);
  return chat.hasGenerationBlocks
    ? []
    : [...turnsOf(chat.spans).values()]
        .filter((turn) => messages[turn.message]?.role === "assistant" && hasLaterText(turn))
        .map(({ message }) => message);
}

interface Context {
  chat: RenderedChat;
  pieces: readonly TextSpan[];
  turns: ReadonlyMap<number, Turn>;
  messages: readonly ChatMessage[];
  form: AnswerForm;
}

/** What the blocks enclose in this turn, and behind all turns if it is the last. */
function generated(pieces: readonly TextSpan[], turn: Turn, messages: number): Stretch[] {
  const isLast = turn.message === messages - 1;
  return joined(
    pieces.filter(
      ({ isGeneration, turn: of, begin }) =>
        isGeneration && (of === turn.message || (isLast && of < 0 && begin >= turn.end)),
    ),
  );
}

function printed(context: Context, turn: Turn, alone: RenderedChat | undefined): Stretch[] {
  const { chat, form } = context;
  const begin = headerEnd(chat.text, turn, form.opening);
  const own = turn.pieces.flatMap((piece) => clip(piece, { begin, end: turn.end }) ?? []);
  const foreign = turn.pieces.filter((piece) => isForeign(piece, turn.message));
  const block = foreignBlock(chat.text, turn, foreign, begin, alone);
  const kept = block === null ? own : own.flatMap((piece) => without(piece, block));
  return withoutLastSpaces(chat.text, joined([...kept, ...behind(context, turn)]), turn);
}

/**
 * The header ends behind the opening, which the turn may print after other text (a first turn
 * begins with the text's own beginning). Where it does not print it whole, the header is what both
 * begin with. Text of the message itself is never a header.
 */
function headerEnd(text: string, turn: Turn, opening: string): number {
  const written = text.slice(turn.begin, ownBegin(turn));
  const place = written.indexOf(opening);
  if (place >= 0) {
    return turn.begin + place + opening.length;
  }
  const common = written.slice(0, commonLength(written, opening));
  return turn.begin + common.replace(brokenMark, "").length;
}

/** A mark such as `<|user|>` of which only the beginning is there. */
const brokenMark = /[<[][^>\]]*$/;

/** From where text of other messages is let in to where the answer's own text follows. */
function foreignBlock(
  text: string,
  turn: Turn,
  foreign: readonly TextSpan[],
  begin: number,
  alone: RenderedChat | undefined,
): Stretch | null {
  const inAnswer = foreign.filter((piece) => piece.begin >= begin);
  const [first] = inAnswer;
  const last = inAnswer.at(-1);
  if (first === undefined || last === undefined) {
    return null;
  }
  const next = turn.pieces.find((piece) => piece.begin >= last.end && isOwn(piece, turn.message));
  return {
    begin: Math.max(begin, Math.min(first.begin, divergence(text, turn, alone))),
    end: next?.begin ?? turn.end,
  };
}

function divergence(text: string, turn: Turn, alone: RenderedChat | undefined): number {
  const itself = alone && turnsOf(alone.spans).get(turn.message);
  return alone === undefined || itself === undefined
    ? turn.end
    : turn.begin + commonLength(text.slice(turn.begin), alone.text.slice(itself.begin, itself.end));
}

function without(piece: Stretch, block: Stretch): Stretch[] {
  return [
    { begin: piece.begin, end: Math.min(piece.end, block.begin) },
    { begin: Math.max(piece.begin, block.end), end: piece.end },
  ].filter(({ begin, end }) => begin < end);
}

/**
 * What ends an answer behind its turn: the text after the last turn (Phi-3's end of sequence), or,
 * where a template writes no end of turn, the word that opens the next turn (GLM's `<|user|>`).
 */
function behind({ chat, turns, messages, form }: Context, turn: Turn): Stretch[] {
  if (turn.message === messages.length - 1) {
    return afterTurns(chat, form);
  }
  const next = turns.get(turn.message + 1);
  const isEnded = form.ending === null || form.ending.trim() !== "";
  if (isEnded || next === undefined || messages[next.message]?.role === "assistant") {
    return [];
  }
  const written = chat.text.slice(next.begin, next.pieces.find(({ from }) => from >= 0)?.begin);
  return [{ begin: next.begin, end: next.begin + (/^\S*/.exec(written)?.[0].length ?? 0) }];
}

function afterTurns(chat: RenderedChat, { opening, isAlwaysOpened }: AnswerForm): Stretch[] {
  const begin = endOfTurns(chat);
  const tail = chat.text.slice(begin);
  const opened = isAlwaysOpened ? tail.lastIndexOf(opening) : -1;
  const limits = { begin, end: opened < 0 ? chat.text.length : begin + opened };
  const written = chat.spans.filter(({ from }) => from < 0);
  return written.flatMap((piece) => clip(piece, limits) ?? []);
}

/** TRL's template for LLaVA keeps the space behind `</s>`, which joins the next turn, untrained. */
function withoutLastSpaces(text: string, stretches: Stretch[], turn: Turn): Stretch[] {
  const last = stretches.at(-1);
  if (last === undefined) {
    return stretches;
  }
  const own = turn.pieces.findLast((piece) => isOwn(piece, turn.message));
  const floor = Math.max(last.begin, own?.end ?? last.begin);
  let { end } = last;
  while (end > floor && text[end - 1] === " ") {
    end--;
  }
  return [...stretches.slice(0, -1), { begin: last.begin, end }].filter((a) => a.begin < a.end);
}

function describe(
  text: string,
  pieces: readonly TextSpan[],
  turn: Turn,
  trained: readonly Stretch[],
  { ending }: AnswerForm,
): Answer {
  const own = joined(pieces.filter((piece) => isOwn(piece, turn.message)));
  const written = joined(trained.flatMap((stretch) => writtenIn(stretch, pieces)));
  const tail = written.at(-1);
  const lastTrained = trained.at(-1)?.end ?? 0;
  const ownEnd = own.findLast((stretch) => stretch.end <= lastTrained)?.end;
  const suppliedEnd =
    ownEnd ??
    lastTrained -
      (ending !== null && text.slice(0, lastTrained).endsWith(ending) ? ending.length : 0);
  const limits = { begin: 0, end: suppliedEnd };
  const isEnded = tail?.end === lastTrained && (ownEnd === undefined || ownEnd < lastTrained);
  return {
    message: turn.message,
    trained,
    supplied: written.flatMap((stretch) => clip(stretch, limits) ?? []),
    own,
    ending: isEnded ? lastVisible(text, tail) : null,
  };
}

function writtenIn(stretch: Stretch, pieces: readonly TextSpan[]): Stretch[] {
  return pieces.filter(({ from }) => from < 0).flatMap((piece) => clip(piece, stretch) ?? []);
}

function lastVisible(text: string, { begin, end }: Stretch): number | null {
  const { length } = text.slice(begin, end).trimEnd();
  return length === 0 ? null : begin + length - 1;
}
