// Which of TRL's templates write an earlier answer as they wrote it when it was the last.
import { expect, test } from "vitest";
import { isPrefixPreserving } from "../../../../src/data/masks/prefix.ts";
import { templates, tokenizerWith } from "./templates.ts";

test("the templates that cut thoughts away, or end the last answer otherwise, are recognised", async () => {
  const changing: string[] = [];
  for (const [name, source] of Object.entries(templates)) {
    if (!(await isPrefixPreserving(await tokenizerWith(source)))) {
      changing.push(name);
    }
  }
  expect(changing).toMatchInlineSnapshot(`
    [
      "diffusion_gemma",
      "gemma4_v5",
      "glm4moe",
      "gptoss",
      "lfm2_2_5",
      "lfm2_2_5_v2",
      "lfm2_2_5_vl",
      "nemotron_3_5_lightning",
      "nemotron_3_nano",
      "nemotron_3_super",
      "nemotron_3_ultra",
      "qwen3",
      "qwen3_5_nothink",
      "qwen3_5_think",
      "qwen3_6",
    ]
  `);
});
