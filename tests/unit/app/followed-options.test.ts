// Options that nobody has chosen follow model and data.
import { describe, expect, it } from "vitest";
import {
  following,
  nearestPreset,
  presentModules,
} from "../../../src/app/state/followed-options.ts";
import { demoPresets, presetsFor } from "../../../src/recipe/presets.ts";

const own = presetsFor({
  isDemo: false,
  parameters: 135e6,
  contextLength: 2048,
  targetModules: ["q_proj", "v_proj"],
  rows: 300,
  longestRow: 100,
});
const demo = demoPresets.Balanced;

describe("a recipe after other model and data", () => {
  it("keeps what was changed by hand, and takes nothing else of the demo's", () => {
    const changed = { ...demo, rank: 32 };
    const followed = { preset: "Balanced", values: demo } as const;
    expect(following(changed, followed, own.Balanced)).toEqual({ ...own.Balanced, rank: 32 });
  });

  it("keeps what a file sets to the very value that the demo has", () => {
    const values = Object.fromEntries(Object.entries(demo).filter(([name]) => name !== "rank"));
    const followed = { preset: "Balanced", values } as const;
    const taken = following({ ...demo }, followed, own.Balanced);
    expect(taken).toEqual({ ...own.Balanced, rank: demo.rank });
    expect(own.Balanced.rank).not.toBe(demo.rank);
  });
});

describe("a recipe of unknown origin", () => {
  it("follows in the options that it shares with the preset nearest to it", () => {
    const { preset, values } = nearestPreset({ ...own.Thorough, seed: 3 }, own);
    expect(preset).toBe("Thorough");
    expect(values).toEqual(own.Thorough);
  });
});

describe("modules chosen for another model", () => {
  const chosen = ["q_proj", "v_proj"];
  const fused = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"];

  it("are all of the model's where it has none of them", () => {
    expect(presentModules(chosen, fused)).toEqual(fused);
  });

  it("are as chosen again for the next model that has them", () => {
    expect(presentModules(chosen, ["q_proj", "k_proj", "v_proj"])).toEqual(chosen);
  });
});
