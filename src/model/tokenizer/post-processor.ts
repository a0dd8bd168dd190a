// The post-processors of tokenizer.json: begin and end tokens around the tokens of a text.
// Source: tokenizers/src/processors/*.rs.
import type { Field } from "./field.ts";
import { maxTokens } from "./vocabulary.ts";

export type PostStep = (ids: readonly number[]) => readonly number[];

const types = [
  "Sequence",
  "ByteLevel",
  "TemplateProcessing",
  "BertProcessing",
  "RobertaProcessing",
] as const;
const maxDepth = 8;

export function readPostProcessor(field: Field, depth = 0): PostStep {
  if (!field.isGiven) {
    return (ids) => ids;
  }
  if (depth > maxDepth) {
    throw field.fault(`nests deeper than ${maxDepth}`);
  }
  switch (field.at("type").oneOf(types)) {
    case "ByteLevel":
      return (ids) => ids;
    case "TemplateProcessing":
      return readTemplate(field);
    case "BertProcessing":
    case "RobertaProcessing": {
      const [begin, end] = [readPairId(field.at("cls")), readPairId(field.at("sep"))];
      return (ids) => [begin, ...ids, end];
    }
    case "Sequence": {
      const steps = field
        .at("processors")
        .items()
        .map((item) => readPostProcessor(item, depth + 1));
      return (ids) => steps.reduce<readonly number[]>((before, step) => step(before), ids);
    }
  }
}

/** Reads `single`: `{"Sequence": ...}` is the text, `{"SpecialToken": {"id": name}}` a token. */
function readTemplate(field: Field): PostStep {
  const special = field.at("special_tokens");
  const parts = field
    .at("single")
    .items()
    .map((item) => {
      if (item.at("Sequence").isGiven) {
        return null;
      }
      const name = item.at("SpecialToken").at("id").text();
      return special
        .at(name)
        .at("ids")
        .items()
        .map((id) => id.count(maxTokens - 1));
    });
  return (ids) => parts.flatMap((part) => part ?? ids);
}

/** Reads `["</s>", 2]`. */
function readPairId(field: Field): number {
  const [, id] = field.items();
  if (id === undefined) {
    throw field.fault("is not a token with its id");
  }
  return id.count(maxTokens - 1);
}
