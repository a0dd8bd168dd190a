// The rows of a run as TRL reads them: JSON Lines of texts, of prompts and completions, or of
// messages. Source: TRL 1.16, trainer/sft_trainer.py (_prepare_dataset).
import type { ChatExample, CompletionExample, Example, TextExample } from "../../data/example.ts";
import { plainNumbers } from "../../data/load/write-jsonl.ts";
import { eachAnswer, trainedMessages } from "../../data/masks/chat.ts";
import { trainedForm } from "../../data/masks/form-of-row.ts";
import { withSystem } from "../../data/prompt-form.ts";
import type { TokenRow } from "../../data/token-store.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { formatCountOf } from "../../util/format.ts";
import type { RunRows } from "../format.ts";

/** What the columns of a row are. */
export type RowKind = "text" | "completion" | "messages";

export interface TextRows {
  kind: RowKind;
  /** JSON Lines, in the order of the data. */
  train: string;
  heldOut: string;
  /** What TRL makes of them otherwise, a sentence each. */
  words: string[];
}

type Piece = TextExample | CompletionExample | ChatExample;

interface PlacedPiece {
  piece: Piece;
  isHeldOut: boolean;
}

/** The rows that are trained or held out; those that are left out are not written. */
export async function textRows(rows: RunRows, recipe: Recipe): Promise<TextRows> {
  const placed = await placedPieces(rows, recipe);
  const kind = kindOf(placed, recipe);
  const lines = (isHeldOut: boolean) =>
    placed
      .filter((each) => each.isHeldOut === isHeldOut)
      .map(({ piece }) => `${JSON.stringify(columnsOf(piece, kind), plainNumbers)}\n`)
      .join("");
  return { kind, train: lines(false), heldOut: lines(true), words: wordsOf(placed, kind, recipe) };
}

async function placedPieces(
  { dataset, examples, hasChatTemplate }: RunRows,
  recipe: Recipe,
): Promise<PlacedPiece[]> {
  const train = new Set(Array.from(dataset.train, placeOf));
  const heldOut = new Set(Array.from(dataset.heldOut, placeOf));
  const placed: PlacedPiece[] = [];
  for await (const example of examples()) {
    const place = placeOf(example);
    const isHeldOut = heldOut.has(place) && !train.has(place);
    if (isHeldOut || train.has(place)) {
      const pieces = piecesOf(example, recipe, hasChatTemplate);
      placed.push(...pieces.map((piece) => ({ piece, isHeldOut })));
    }
  }
  return placed;
}

function placeOf({ file, line }: Pick<TokenRow, "file" | "line">): string {
  return `${file}:${line}`;
}

function piecesOf(example: Example, recipe: Recipe, hasChatTemplate: boolean): Piece[] {
  if (example.kind === "preference") {
    return []; // none is trained
  }
  const form = trainedForm(example, recipe.template, hasChatTemplate);
  return form.kind === "chat" && recipe.multiTurn === "each" ? eachAnswer(form) : [form];
}

/** TRL masks a prompt with any template; answers among messages need one with generation marks. */
function kindOf(placed: readonly PlacedPiece[], { completionOnly }: Recipe): RowKind {
  const kinds = new Set(placed.map(({ piece }) => piece.kind));
  if (kinds.has("chat")) {
    const arePairs = placed.every(({ piece }) => piece.kind !== "chat" || endsWithAnswer(piece));
    return completionOnly && arePairs ? "completion" : "messages";
  }
  return kinds.has("completion") ? "completion" : "text";
}

/** Whether the last message, and no other, is trained. */
function endsWithAnswer(chat: ChatExample): boolean {
  const answers = trainedMessages(chat);
  return answers.length === 1 && answers[0] === chat.messages.length - 1;
}

function columnsOf(piece: Piece, kind: RowKind): object {
  if (piece.kind === "text") {
    return { text: piece.text };
  }
  const { tools, templateArguments } = piece;
  const more = {
    ...(tools === undefined ? {} : { tools }),
    ...(templateArguments === undefined ? {} : { chat_template_kwargs: templateArguments }),
  };
  if (piece.kind === "completion") {
    return { prompt: withSystem(piece.system ?? "", piece.prompt), completion: piece.completion };
  }
  const { messages } = piece;
  return kind === "completion"
    ? { prompt: messages.slice(0, -1), completion: messages.slice(-1), ...more }
    : { messages, ...more };
}

function wordsOf(
  placed: readonly PlacedPiece[],
  kind: RowKind,
  { completionOnly }: Recipe,
): string[] {
  const chats = placed.flatMap(({ piece }) => (piece.kind === "chat" ? [piece] : []));
  const excluding = chats.filter((chat) => {
    const answers = chat.messages.filter(({ role }) => role === "assistant");
    return trainedMessages(chat).length < answers.length;
  }).length;
  const hasTools = chats.some(({ tools = [] }) => tools.length > 0);
  const windows = placed.some(({ piece }) => piece.kind === "text" && piece.windows !== undefined);
  return [
    ...(kind === "messages" && excluding > 0
      ? [`${formatCountOf(excluding, "chat")}: TRL trains answers that Anneal does not.`]
      : []),
    ...(kind === "messages" && completionOnly
      ? ["`assistant_only_loss` needs a template with generation marks, or one that TRL knows."]
      : []),
    ...(hasTools ? ["`datasets` gives each tool call the arguments of all, empty."] : []),
    ...(windows ? ["TRL cuts a long text at `max_length`; Anneal trains all its windows."] : []),
  ];
}
