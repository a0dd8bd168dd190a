// Pins the compiled engine's programs: each dispatch with its grid and the tensors it binds, for a
// tiny model of each architecture. `npx vitest run -u` accepts an intended change: read its diff.
import { expect, test } from "vitest";
import { extentsOf } from "../../../../src/gpu/extents.ts";
import { designRun, type DesignOptions } from "../../../../src/engine/webgpu/design.ts";
import type { Dispatch, Program, View } from "../../../../src/gpu/plan.ts";
import type { LayerKind, ModelConfig } from "../../../../src/model/config/model-config.ts";
import { targetModulesOf } from "../../../../src/model/tensors.ts";
import { weightShapes } from "../../../../src/model/weights/store.ts";
import { madeUpConfig } from "../../../support/made-up-model.ts";

const full: LayerKind = { isSliding: false, hasRope: true };
const sliding: LayerKind = { isSliding: true, hasRope: true };
const withoutRope: LayerKind = { isSliding: false, hasRope: false };
const gemma: Partial<ModelConfig> = {
  hasSandwichNorms: true,
  normOffset: 1,
  activation: "gelu-tanh",
  embeddingScale: Math.sqrt(32),
  slidingWindow: 6,
  layers: [sliding, full],
};

interface Given {
  targets?: string[];
  dropout?: number;
  keptLayers?: number;
  hasObjective?: boolean;
  isWeighted?: boolean;
}

const cases: [name: string, model: Partial<ModelConfig>, given: Given][] = [
  ["llama", {}, {}],
  ["llama-objective", {}, { hasObjective: true, targets: ["o_proj"] }],
  ["mistral", { slidingWindow: 7, layers: [sliding, sliding], tieWordEmbeddings: false }, {}],
  ["qwen2", { hasQkvBias: true }, { targets: ["q_proj", "v_proj"] }],
  ["qwen3", { hasQkNorm: true, headDim: 16 }, { dropout: 0.2 }],
  ["smollm3", { layers: [withoutRope, full] }, { targets: ["down_proj"], keptLayers: 0 }],
  ["gemma2", { ...gemma, attentionSoftcap: 2, logitSoftcap: 3 }, { keptLayers: 2 }],
  ["gemma3", { ...gemma, hasQkNorm: true, slidingRope: { theta: 100, scaling: null } }, {}],
  ["phi3", { isFused: true }, { dropout: 0.2, keptLayers: 0 }],
];

test.each(cases)(
  "the training pass of a tiny %s model equals its snapshot",
  async (name, ...rest) => {
    const { training } = designOf(...rest);
    await expect(listing(training)).toMatchFileSnapshot(`programs/${name}.txt`);
  },
);

test.each(cases)(
  "the passes of a tiny %s model over 320 of 600 tokens are those of a run of 320",
  (_, model, given) => {
    const [long, short] = [600, 320].map((tokens) => designOf(model, given, tokens / 2));
    for (const kind of ["training", "evaluation"] as const) {
      const { indexes } = extentsOf(long![kind]);
      const extents = long!.extents[kind](320);
      expect(long!.extents[kind](320)).toBe(extents);
      const found = long![kind].dispatches.map((dispatch, at) => ({
        ...dispatch,
        ...extents[indexes[at]!],
      }));
      // With an objective the head's chunk at row 256 stays as long as it is in the longest pass.
      const end = given.hasObjective && kind === "training" ? 256 : 320;
      const reached = ({ skipUpToCount }: Dispatch) => skipUpToCount < end;
      expect(found.filter(reached).map(figures)).toEqual(
        short![kind].dispatches.filter(reached).map(figures),
      );
    }
  },
);

test("a model's passes have far fewer extents than dispatches, whatever their length", () => {
  const [few, many] = [2, 12].map((layers) =>
    designOf({ numHiddenLayers: layers, layers: Array<LayerKind>(layers).fill(full) }, {}, 300),
  );
  const countOf = ({ training }: typeof few & object) => extentsOf(training).distinct.length;
  expect(countOf(many!)).toBe(countOf(few!));
  expect(many!.training.dispatches.length).toBeGreaterThan(5 * countOf(many!));
});

test.each([false, true])(
  "weighted rows change the loss of a tiny Llama's programs alone, objective %o",
  (hasObjective) => {
    const [plain, weighted] = [false, true].map((isWeighted) =>
      designOf({}, { hasObjective, isWeighted }).programs.map(listing).join("\n").split("\n"),
    );
    const bytes = (lines: string[]) => lines.map((each) => each.replaceAll(/batch \d+ from/g, ""));
    const changed = bytes(weighted!).filter((each, index) => each !== bytes(plain!)[index]);
    expect(weighted!.length).toBe(plain!.length);
    expect(changed).toEqual([
      expect.stringMatching(
        hasObjective ? /^ {2}loss-inputs-weighted/ : /^ {2}cross-entropy-weighted/,
      ),
    ]);
  },
);

test("the other programs of a tiny Gemma 2 equal their snapshots", async () => {
  const { evaluation, update, generation } = designOf({ ...gemma, logitSoftcap: 3 }, {});
  const { adapted, base } = generation;
  const generating = [...adapted, ...base].map(({ program }) => program);
  const programs = [evaluation, update, ...generating];
  await expect(programs.map(listing).join("\n")).toMatchFileSnapshot("programs/others.txt");
});

/** A dispatch without its tensors. */
function figures({ kernel, params, grid, work }: Dispatch): string {
  return `${kernel.name} ${params.join()} ${grid.join("x")} ${work}`;
}

function designOf(model: Partial<ModelConfig>, given: Given, length = 12) {
  const config = madeUpConfig({ numKeyValueHeads: 2, ...model });
  const { targets = targetModulesOf(config), dropout = 0, keptLayers = 1 } = given;
  const { hasObjective = false, isWeighted = false } = given;
  const options: DesignOptions = {
    config,
    lora: { rank: 4, alpha: 8, dropout, targetModules: targets },
    shape: { rows: 2, length },
    weightShapes: weightShapes(config, { format: "f32" }),
    hasObjective,
    isWeighted,
  };
  return designRun(options, { rowsPerPass: 2, keptLayers });
}

function listing({ name, dispatches }: Program): string {
  return [`${name}: ${dispatches.length} dispatches`, ...dispatches.map(line), ""].join("\n");
}

/** The kernel, its grid, and each binding with its bytes; layers as numbers for short. */
function line({ kernel, grid, views }: Dispatch): string {
  const bindings = views.map(bound).join(", ").replaceAll("model.layers.", "");
  return `  ${kernel.name} ${grid.join("x")} | ${bindings}`;
}

function bound({ tensor, offsetBytes, sizeBytes }: View): string {
  const part = sizeBytes === tensor.sizeBytes ? "" : ` from ${offsetBytes}`;
  return `${tensor.label} ${sizeBytes}${part}`;
}
