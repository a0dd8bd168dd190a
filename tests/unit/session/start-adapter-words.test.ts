// A start from an adapter of MLX: the run has its rank and alpha, and its words reach the page.
import { expect, test } from "vitest";
import { encodeSafetensors } from "../../../src/formats/safetensors-write.ts";
import { setUpBrowser, shortRecipe, Tab } from "./world/tab.ts";

setUpBrowser();

test("a run from an MLX adapter of one layer has its rank and scale, and says what is not trained", async () => {
  const tab = new Tab("mlx");
  await tab.loadTiny();
  const path = "model.layers.1.self_attn.q_proj";
  const data = new Float32Array(24).fill(0.1);
  const weights = encodeSafetensors([
    { name: `${path}.lora_a`, dtype: "F32", shape: [8, 3], data },
    { name: `${path}.lora_b`, dtype: "F32", shape: [3, 8], data },
  ]);
  const config = { num_layers: 1, lora_parameters: { rank: 3, scale: 2, dropout: 0 } };
  const adapter = [
    new File([JSON.stringify(config)], "adapter_config.json"),
    new File([weights], "adapters.safetensors"),
  ];
  const done = tab.untilPhase("done");
  const recipe = { ...shortRecipe, maxSteps: 1 };
  const { runId, words } = await tab.session.start({ recipe, adapter, samplePrompt: "" });
  await done;
  expect(words).toEqual(["The adapter has no matrices for 1 module: nothing is trained there."]);
  const { run } = (await tab.store.loadNewestValid(runId))!;
  expect(run.recipe).toMatchObject({ rank: 3, alpha: 6, targetModules: ["q_proj"] });
});
