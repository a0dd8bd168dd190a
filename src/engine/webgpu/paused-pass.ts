// A training pass with an objective in tfjs ops: it stops at each chunk's logits, and tfjs puts
// their gradient in their place. Loaded only where there is such an objective, because tfjs is.
import * as tf from "@tensorflow/tfjs-core";
// tfjs-core alone knows no gradients.
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import type { Program } from "../../gpu/plan.ts";
import type { Runner } from "../../gpu/runner.ts";
import { TfjsBridge } from "../tfjs/tfjs-bridge.ts";
import { logitStride } from "../../kernels/cross-entropy/kernel.ts";
import type { Objective } from "../objective.ts";
import type { Exchange, Pause } from "./exchange.ts";
import type { OpenDevice } from "../../gpu/open-device.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

/** What an objective's logits are like. */
type LogitConfig = Pick<ModelConfig, "vocabSize" | "logitSoftcap">;

/** Tensors over the exchange's buffers, for chunks of one size. */
type ChunkTensors = Readonly<{
  logits: tf.Tensor2D;
  classes: tf.Tensor1D;
  weights: tf.Tensor1D;
}>;

export class PausedPass {
  readonly #bridge: TfjsBridge;
  readonly #runner: Runner;
  readonly #objective: Objective;
  readonly #exchange: Exchange;
  readonly #config: LogitConfig;
  readonly #scale: tf.Scalar;
  /** By rows. */
  readonly #chunks: ReadonlyMap<number, ChunkTensors>;

  static async open(
    opened: OpenDevice,
    runner: Runner,
    objective: Objective,
    exchange: Exchange,
    config: LogitConfig,
  ): Promise<PausedPass> {
    const bridge = await TfjsBridge.open(opened);
    return new PausedPass(bridge, runner, objective, exchange, config);
  }

  private constructor(
    bridge: TfjsBridge,
    runner: Runner,
    objective: Objective,
    exchange: Exchange,
    config: LogitConfig,
  ) {
    this.#bridge = bridge;
    this.#runner = runner;
    this.#objective = objective;
    this.#exchange = exchange;
    this.#config = config;
    this.#scale = bridge.tensorOver<tf.Rank.R0>(runner.bufferOf(exchange.scale), [], "float32");
    const counts = new Set(exchange.pauses.map(({ count }) => count));
    this.#chunks = new Map([...counts].map((count) => [count, this.#tensorsFor(count)]));
  }

  /** Runs the whole pass. @returns the work submitted, that of tfjs left out */
  run(program: Program, supervisedRows: number): number {
    let [from, work] = [0, 0];
    for (const pause of this.#exchange.pauses.filter(({ first }) => first < supervisedRows)) {
      work += this.#runner.run(program, supervisedRows, { from, to: pause.after });
      this.#replaceByGradient(pause);
      from = pause.after;
    }
    return (
      work + this.#runner.run(program, supervisedRows, { from, to: program.dispatches.length })
    );
  }

  /** Bytes of tfjs's own buffers. */
  get allocatedBytes(): number {
    return this.#bridge.allocatedBytes;
  }

  dispose(): void {
    tf.dispose([this.#scale, ...this.#chunks.values()]);
    this.#bridge.close();
  }

  #replaceByGradient({ first, count }: Pause): void {
    const { logits, classes, weights } = this.#chunks.get(count) as ChunkTensors;
    [logits, classes, weights, this.#scale].forEach((tensor) => {
      this.#bridge.forgetRead(tensor);
    });
    const lossOf = (padded: tf.Tensor): tf.Scalar =>
      this.#objective(this.#asMeant(padded as tf.Tensor2D), classes, weights);
    const { value, grad } = this.#bridge.compute(() =>
      tf.valueAndGrad(lossOf)(logits, this.#scale),
    );
    this.#bridge.copyTo([
      { tensor: grad, buffer: this.#runner.bufferOf(this.#exchange.logits) },
      {
        tensor: value,
        buffer: this.#runner.bufferOf(this.#exchange.losses),
        offsetBytes: 4 * first,
      },
    ]);
    tf.dispose([value, grad]);
  }

  /**
   * Without padding, whose gradient is zero, as the backward product wants it; and under the
   * model's cap.
   */
  #asMeant(padded: tf.Tensor2D): tf.Tensor2D {
    const [rows, stride] = padded.shape;
    const { vocabSize, logitSoftcap: cap } = this.#config;
    const logits = stride === vocabSize ? padded : tf.slice(padded, [0, 0], [rows, vocabSize]);
    return cap === null ? logits : tf.mul(tf.tanh(tf.div(logits, cap)), cap);
  }

  #tensorsFor(count: number): ChunkTensors {
    const over = <R extends tf.Rank>(
      tensor: "logits" | "classes" | "weights",
      shape: tf.ShapeMap[R],
      dtype: "float32" | "int32",
    ) => this.#bridge.tensorOver<R>(this.#runner.bufferOf(this.#exchange[tensor]), shape, dtype);
    return {
      logits: over<tf.Rank.R2>("logits", [count, logitStride(this.#config.vocabSize)], "float32"),
      classes: over<tf.Rank.R1>("classes", [count], "int32"),
      weights: over<tf.Rank.R1>("weights", [count], "float32"),
    };
  }
}
