// A long run with a rebuild every eight steps: the same losses as without, and flat memory.
// Full figures: ANNEAL_STEPS=1000 npx playwright test rebuilt-run
import { processesOf, residentBytes } from "../../support/process-memory.ts";
import { expect, smallRecipe, start, stepsOf, test, type Visit } from "../support/story.ts";

const steps = Number(process.env["ANNEAL_STEPS"] ?? 64);
const every = 8;
/** Drivers have filled their caches by then. */
const warmUpSteps = 40;

test(`a run of ${steps} steps with a rebuild every ${every} has the losses of one without, in flat memory`, async ({
  visit,
}) => {
  test.skip(process.platform !== "linux", "process memory is read from /proc");
  test.setTimeout(60_000 + steps * 6000);
  const recipe = { ...smallRecipe, maxSteps: steps, saveSteps: 200 };

  const rebuilt = await visit();
  await start(rebuilt.page, { ...recipe, reloadEverySteps: every });
  const gpuBytes = await watchGpu(rebuilt);
  expect(rebuilt.events.of("rebuilt")).toHaveLength(Math.ceil(steps / every) - 1);
  const releases = rebuilt.events.of("rebuilt").map(({ releasedBytes }) => releasedBytes);
  expect(new Set(releases)).toEqual(new Set([0]));
  const curve = stepsOf(rebuilt.events.all);
  const adapters = rebuilt.events.of("rebuilt").map(({ afterBytes }) => afterBytes);
  expect(new Set(adapters).size).toBe(1);
  await rebuilt.context.close();

  const [first = 0] = gpuBytes;
  const largest = Math.max(...gpuBytes);
  console.log(
    `GPU process: ${Math.round(first / 1e6)} MB first, ${Math.round(largest / 1e6)} MB at most`,
  );
  expect(first).toBeGreaterThan(0);
  expect(largest / first).toBeLessThan(1.05);

  const whole = await visit();
  await start(whole.page, recipe);
  await whole.events.waitForEnd(steps * 3000);
  expect(curve).toEqual(stepsOf(whole.events.all));
});

/** Resident bytes of the GPU process every eight steps, halfway between two rebuilds. */
async function watchGpu({ context, events }: Visit): Promise<number[]> {
  const browser = context.browser();
  const [pid = 0] = browser === null ? [] : await processesOf(browser, "GPU");
  const seen: number[] = [];
  for (let step = warmUpSteps + every / 2; step < steps; step += every) {
    await events.waitForStep(step, 300_000);
    seen.push(residentBytes(pid));
  }
  await events.waitForEnd();
  return seen;
}
