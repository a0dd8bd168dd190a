// trainer_state.json against the file that Transformers wrote for the same log.
import { expect, test } from "vitest";
import { trainerStateJson } from "../../../src/export/trainer-state.ts";
import { fixtureRun, fixtureText } from "./fixture.ts";

test("trainer_state.json is what transformers writes, byte for byte", async () => {
  expect(trainerStateJson(await fixtureRun())).toBe(await fixtureText("trainer_state.json"));
});

test("trainer_state.json of step 0 is complete, with no best step where nothing was held out", async () => {
  const run = await fixtureRun();
  const trainer = { ...run.trainer, step: 0, best: null, log: [] };
  expect(JSON.parse(trainerStateJson({ ...run, trainer }))).toMatchObject({
    best_global_step: null,
    best_metric: null,
    best_model_checkpoint: null,
    epoch: 0,
    log_history: [],
    stateful_callbacks: { TrainerControl: { args: { should_training_stop: false } } },
  });
});

test("trainer_state.json rounds epochs up, counted from the log when maxSteps is given", async () => {
  const run = await fixtureRun();
  const epochs = (recipe: object, trainer: object) =>
    (
      JSON.parse(
        trainerStateJson({
          ...run,
          recipe: { ...run.recipe, ...recipe },
          trainer: { ...run.trainer, ...trainer },
        }),
      ) as { num_train_epochs: number }
    ).num_train_epochs;
  expect(epochs({ maxSteps: 0, epochs: 2.5 }, {})).toBe(3);
  expect(epochs({ maxSteps: 7 }, { totalSteps: 7 })).toBe(4);
  expect(epochs({ maxSteps: 6 }, { totalSteps: 6, log: [{ step: 3, epoch: 1 / 3 + 2 / 3 }] })).toBe(
    2,
  );
});
