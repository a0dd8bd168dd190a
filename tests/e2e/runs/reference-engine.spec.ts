// The reference engine, chosen on the page: it has its own memory plan and the same first losses as
// the compiled engine.
import { choose } from "../../../tools/support/page.ts";
import { expect, smallRecipe, start, stepsOf, test } from "../support/story.ts";

test("the reference engine can be chosen and trains to the losses of the compiled engine", async ({
  visit,
  undisturbed,
}) => {
  const { page, events } = await visit();
  const model = page.getByRole("region", { name: "Model", exact: true });
  const needed = async () => /Needs about [\d.]+ [kMG]B/.exec(await model.innerText())?.[0];
  const engine = page.getByLabel("Engine", { exact: true });
  const recipe = { ...smallRecipe, maxSteps: 2 };

  await choose(page, { recipe });
  await expect(engine).toHaveValue("webgpu");
  const compiled = await needed();
  await choose(page, { engine: "tfjs" });
  expect(compiled).toBeDefined();
  expect(await needed()).not.toBe(compiled);

  await start(page, recipe);
  await events.waitForStep(1);
  await expect(engine).toBeDisabled();
  await events.waitForEnd();
  await expect(engine).toHaveValue("tfjs");
  expect(events.of("device").map(({ device }) => device.engine)).toEqual(["webgpu", "tfjs"]);
  const steps = stepsOf(events.all);
  expect(steps).toHaveLength(2);
  for (const figure of ["loss", "gradNorm"] as const) {
    const [own, other] = [steps[0]![figure], undisturbed.steps[0]![figure]];
    expect(Math.abs(own / other - 1), figure).toBeLessThan(2e-4);
  }
});
