// llama.cpp through node-llama-cpp: installs it, and asks for the probabilities of next tokens.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const version = "3.22.1";
/** llama.cpp of this version is v0.5.0; kept between runs: it has 85 MB. */
const folder = fileURLToPath(new URL(`../../../out/node-llama-cpp-${version}/`, import.meta.url));
const platform = `${process.platform === "win32" ? "win" : process.platform === "darwin" ? "mac" : "linux"}-${process.arch}`;

/** The part of node-llama-cpp that is used. */
interface NodeLlamaCpp {
  getLlama: (options: object) => Promise<Llama>;
}

interface Llama {
  loadModel: (options: { modelPath: string }) => Promise<LlamaModel>;
  dispose: () => Promise<void>;
}

interface LlamaModel {
  createContext: (options: object) => Promise<LlamaContext>;
  tokenize: (text: string, special?: boolean) => readonly number[];
  dispose: () => Promise<void>;
}

interface LlamaContext {
  getSequence: () => {
    controlledEvaluate: (
      input: unknown[],
    ) => Promise<({ next: { probabilities?: ReadonlyMap<number, number> } } | undefined)[]>;
    clearHistory: () => Promise<void>;
  };
}

export class LlamaCpp {
  readonly #llama: Llama;

  private constructor(llama: Llama) {
    this.#llama = llama;
  }

  /** Installs the package outside package.json, without the GPU binaries. */
  static async open(): Promise<LlamaCpp> {
    const entry = join(folder, "node_modules/node-llama-cpp/dist/index.js");
    if (!existsSync(entry)) {
      install();
    }
    const { getLlama } = (await import(pathToFileURL(entry).href)) as NodeLlamaCpp;
    return new LlamaCpp(await getLlama({ gpu: false, build: "never", logLevel: "error" }));
  }

  /**
   * The probabilities of every token after each prompt.
   * @param adapterPath null for the base model
   * @throws Error where llama.cpp refuses a file
   */
  async nextProbabilities(
    modelPath: string,
    adapterPath: string | null,
    prompts: readonly (readonly number[])[],
  ): Promise<number[][]> {
    const model = await this.#llama.loadModel({ modelPath });
    try {
      // The cache in F32 and one thread: no rounding but that of the weights.
      const context = await model.createContext({
        contextSize: 128,
        threads: 1,
        flashAttention: false,
        experimentalKvCacheKeyType: "F32",
        experimentalKvCacheValueType: "F32",
        ...(adapterPath === null ? {} : { lora: adapterPath }),
      });
      const sequence = context.getSequence();
      const results = [];
      for (const prompt of prompts) {
        const last = prompt.at(-1) ?? 0;
        const answers = await sequence.controlledEvaluate([
          ...prompt.slice(0, -1),
          [last, { generateNext: { probabilities: true } }],
        ]);
        results.push(listOf(answers.at(-1)?.next.probabilities));
        await sequence.clearHistory();
      }
      return results;
    } finally {
      await model.dispose();
    }
  }

  /** The ids of texts, without special tokens in front. */
  async tokenize(modelPath: string, texts: readonly string[]): Promise<number[][]> {
    const model = await this.#llama.loadModel({ modelPath });
    const ids = texts.map((text) => [...model.tokenize(text)]);
    await model.dispose();
    return ids;
  }

  async dispose(): Promise<void> {
    await this.#llama.dispose();
  }
}

function listOf(probabilities: ReadonlyMap<number, number> | undefined): number[] {
  if (probabilities === undefined) {
    throw new Error("llama.cpp gave no probabilities.");
  }
  const list = new Array<number>(probabilities.size).fill(0);
  for (const [token, probability] of probabilities) {
    list[token] = probability;
  }
  return list;
}

function install(): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"private":true}');
  const packages = [`node-llama-cpp@${version}`, `@node-llama-cpp/${platform}@${version}`];
  const { status } = spawnSync(
    "npm",
    ["install", "--no-audit", "--no-fund", "--omit=optional", "--ignore-scripts", ...packages],
    { cwd: folder, stdio: "inherit", shell: process.platform === "win32" },
  );
  if (status !== 0) {
    throw new Error(`npm install ${packages.join(" ")} ended with ${String(status)}`);
  }
}
