// The shapes by name.
import { alpacaShape } from "./alpaca.ts";
import { completionShape } from "./completion.ts";
import { messagesShape } from "./messages.ts";
import { preferenceShape } from "./preference.ts";
import { shapeNames, type ShapeName } from "./reading.ts";
import type { Shape } from "./shape.ts";
import { sharegptShape } from "./sharegpt.ts";
import { textShape } from "./text.ts";

export const shapes: Readonly<Record<ShapeName, Shape>> = {
  preference: preferenceShape,
  messages: messagesShape,
  sharegpt: sharegptShape,
  alpaca: alpacaShape,
  completion: completionShape,
  text: textShape,
};

/** In the order of their recognition. */
export const shapesInOrder: readonly Shape[] = shapeNames.map((name) => shapes[name]);
