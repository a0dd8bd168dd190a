// `npm run plan` as a script meets it: one JSON object, or one sentence and a failing exit code.
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { planCommand } from "../../../tools/plan/command.ts";
import type { PlannedBytes } from "../../../src/engine/webgpu/budget.ts";
import { configPath } from "../engine/webgpu/models.ts";

const llama = fileURLToPath(configPath("llama-3.1-8b"));
const smol = fileURLToPath(configPath("smollm2-135m"));

const out: string[] = [];
const faults: string[] = [];

beforeEach(() => {
  vi.spyOn(console, "log").mockImplementation((line: string) => out.push(line));
  vi.spyOn(console, "error").mockImplementation((line: string) => faults.push(line));
});

afterEach(() => {
  vi.restoreAllMocks();
  out.length = 0;
  faults.length = 0;
});

const argumentsOf = (options: Record<string, string>) =>
  Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);

function planned(options: Record<string, string>): PlannedBytes {
  out.length = 0;
  expect(planCommand(argumentsOf(options))).toBe(0);
  expect(faults).toEqual([]);
  expect(out).toHaveLength(1);
  return JSON.parse(out[0]!) as PlannedBytes;
}

describe("a plan", () => {
  test("the plan of Llama-3.1-8B in q4 with 512 tokens needs at most 7.5 GB", () => {
    const plan = planned({ config: llama, format: "q4", rank: "16", tokens: "512" });
    expect(Object.keys(plan)).toEqual([
      "weightsBytes",
      "adapterBytes",
      "optimizerBytes",
      "activationsBytes",
      "scratchBytes",
      "totalBytes",
      "recomputedLayers",
      "layersRunThrice",
      "isStreamed",
    ]);
    expect(plan.totalBytes).toBeLessThanOrEqual(7.5e9);
    expect(plan).toMatchObject({ recomputedLayers: 32, layersRunThrice: 25 });
  });

  test("the plan of Qwen3-4B in q4 with 2,048 tokens needs at most 3.6 GB", () => {
    const config = fileURLToPath(configPath("qwen3-4b"));
    const plan = planned({ config, format: "q4", rank: "16", tokens: "2048" });
    expect(plan.totalBytes).toBeLessThanOrEqual(3.6e9);
  });

  test("the plan of SmolLM2-135M in f16 with 1,024 tokens needs at most 0.9 GB", () => {
    const plan = planned({ config: smol, format: "f16", rank: "16", tokens: "1024" });
    expect(plan.totalBytes).toBeLessThanOrEqual(0.9e9);
  });

  test("a plan keeps as many layers as its budget allows", () => {
    const options = { config: smol, format: "f16", rank: "16", tokens: "1024" };
    const within = planned({ ...options, "budget-gb": "0.9" });
    expect(within.totalBytes).toBeLessThanOrEqual(0.9e9);
    expect(within.recomputedLayers).toBeGreaterThan(0);
    expect(within.recomputedLayers).toBeLessThan(30);
    expect(planned({ ...options, "budget-gb": "100" }).recomputedLayers).toBe(0);
  });

  test("a plan of several rows is no larger than of one, as each can be a pass", () => {
    const options = { config: smol, format: "f16", rank: "8" };
    const one = planned({ ...options, tokens: "256" });
    expect(planned({ ...options, tokens: "1024", rows: "4" })).toEqual(one);
  });

  test("a plan has an adapter on the named layers only, and larger scales with smaller groups", () => {
    const options = { config: smol, format: "q4", rank: "8", tokens: "256" };
    const all = planned(options);
    const few = planned({ ...options, targets: "q_proj,v_proj" });
    expect(few.adapterBytes).toBe(2 * 4 * 8 * 30 * (576 + 576 + 576 + 192));
    expect(all.adapterBytes).toBeGreaterThan(few.adapterBytes);
    expect(planned({ ...options, "group-size": "64" })).toEqual(all);
    const fine = planned({ ...options, "group-size": "32" });
    expect(fine.weightsBytes).toBeGreaterThan(all.weightsBytes);
  });
});

describe("errors of the plan command", () => {
  const whole = { config: smol, format: "f16", rank: "16", tokens: "512" };
  test.each<[Record<string, string>, string]>([
    [{ config: "/no/such/file" }, "The file /no/such/file cannot be read (ENOENT)."],
    [{ config: "package.json" }, "package.json: The architecture"],
    [{ config: "" }, "--config is missing: see --help."],
    [{ format: "q5" }, "--format is q5, but must be one of f32, f16, q8, q4, nf4."],
    [{ rank: "0" }, "--rank is 0, but must be a whole number from 1 to 256."],
    [{ rank: "many" }, "--rank is many, but must be a whole number"],
    [{ tokens: "1.5" }, "--tokens is 1.5, but must be a whole number"],
    [{ rows: "3" }, "--tokens is 512, which does not divide into 3 rows."],
    [{ tokens: "16384" }, "A row would have 16384 tokens, but the model reads at most 8192."],
    [{ "group-size": "64" }, "--group-size is for q8 and q4, but --format is f16."],
    [{ format: "q8", "group-size": "48" }, "--group-size is 48, but must be one of 32, 64, 128."],
    [{ "budget-gb": "0" }, "--budget-gb is 0, but must be a number above zero."],
    [{ targets: "q_proj,lm_head" }, '--targets has "lm_head"; choose from q_proj,'],
    [{ speed: "1" }, "Unknown option '--speed'."],
  ])("the plan command fails in one sentence for %j", (change, sentence) => {
    expect(planCommand(argumentsOf({ ...whole, ...change }))).toBe(1);
    expect(out).toEqual([]);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(sentence);
    expect(faults[0]).toMatch(/^[^\n]+\.$/);
  });

  test.each(["config", "format", "rank", "tokens"])(
    "the plan command fails in one sentence without --%s",
    (name) => {
      const rest = Object.fromEntries(Object.entries(whole).filter(([key]) => key !== name));
      expect(planCommand(argumentsOf(rest))).toBe(1);
      expect(faults).toEqual([`--${name} is missing: see --help.`]);
    },
  );
});

test("the plan command's --help names every option", () => {
  expect(planCommand(["--help"])).toBe(0);
  for (const name of ["config", "format", "group-size", "rank", "targets", "tokens", "rows"]) {
    expect(out[0]).toContain(`--${name} `);
  }
});
