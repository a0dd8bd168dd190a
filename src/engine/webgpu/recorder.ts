// Records one program: its dispatches in order, over the tensors of one model and the tables of one
// batch shape.
import { scratch, type Dispatch, type Program, type Tensor } from "../../gpu/plan.ts";
import type { StoredWeight } from "../../kernels/weight-format/format.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";
import type { PlacedTarget } from "./adapter-layout.ts";
import type { BatchTables } from "./batch-tables.ts";
import { vectorOf, weightOf, type ModelTensors } from "./model-tensors.ts";

/** What the adapter does in a program. */
export interface AdapterMode {
  /** false computes the frozen base model. */
  hasAdapter: boolean;
  hasDropout: boolean;
}

/** The adapter on and dropout off. */
export const adapterOnly: AdapterMode = { hasAdapter: true, hasDropout: false };

export class Recorder {
  readonly model: ModelTensors;
  readonly tables: BatchTables;
  /** Tokens of a pass: rows of every activation. */
  readonly tokens: number;
  readonly #mode: AdapterMode;
  readonly #dispatches: Dispatch[] = [];
  readonly #marks: Record<string, number> = {};

  /** @param tokens as many as the tables hold, or fewer: see gpu/extents.ts */
  constructor(
    model: ModelTensors,
    tables: BatchTables,
    mode: AdapterMode,
    tokens: number = tables.tokens,
  ) {
    this.model = model;
    this.tables = tables;
    this.tokens = tokens;
    this.#mode = mode;
  }

  get config(): ModelConfig {
    return this.model.config;
  }

  /** Tokens of the longest pass: what a shorter one has to share with it follows from them. */
  get mostTokens(): number {
    return this.tables.tokens;
  }

  get hasDropout(): boolean {
    return this.#mode.hasDropout;
  }

  /** Dispatches so far. */
  get length(): number {
    return this.#dispatches.length;
  }

  push(...dispatches: readonly Dispatch[]): void {
    this.#dispatches.push(...dispatches);
  }

  /** Names the place of the next dispatch (see Program.marks). */
  mark(name: string): void {
    this.#marks[name] = this.length;
  }

  /** A new tensor [tokens, width] of the arena. */
  activation(label: string, width: number): Tensor {
    return scratch(label, this.tokens * width);
  }

  /** A frozen tensor by its Hugging Face name. @throws Error when the model has no such tensor */
  weight(name: string): StoredWeight {
    return weightOf(this.model, name);
  }

  /** A frozen f32 vector such as a norm's weight. @throws Error when the model has none */
  vector(name: string): Tensor {
    return vectorOf(this.model, name);
  }

  /** The adapter's part of a linear layer; undefined where it has none in this program. */
  target(module: string): PlacedTarget | undefined {
    return this.#mode.hasAdapter ? this.model.adapter.targets.get(module) : undefined;
  }

  finish(name: string): Program {
    return { name, dispatches: this.#dispatches, marks: this.#marks };
  }
}
