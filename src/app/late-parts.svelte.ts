// The late parts of the page (late.ts) once they are fetched, or why they are not.
import { toPlain, type PlainError } from "../util/errors.ts";
import { fetched } from "../util/later.ts";
import type * as Parts from "./late.ts";

export type LateParts = typeof Parts;

class Late {
  parts = $state.raw<LateParts | null>(null);
  error = $state.raw<PlainError | null>(null);

  async fetch(): Promise<void> {
    try {
      this.parts = await fetched(import("./late.ts"));
    } catch (error) {
      this.error = toPlain(error);
    }
  }
}

export const late = new Late();
