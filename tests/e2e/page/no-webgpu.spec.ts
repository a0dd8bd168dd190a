// A browser without WebGPU: the page says so, and trains on the CPU.
import { onProcessor } from "../support/faults.ts";
import { adapterSha256, expect, siteUrl, smallRecipe, start, test } from "../support/story.ts";

test("a page without WebGPU says so and trains on the CPU", async ({ visit }) => {
  const { page, events } = await visit({ browserArguments: onProcessor });
  expect(await page.evaluate(() => navigator.gpu.requestAdapter())).toBeNull();
  const note = page.getByRole("region", { name: /^WebGPU is not available/ });
  await expect(note).toContainText("This browser has WebGPU but offers no graphics adapter.");
  await expect(note).toContainText("Use Chrome or Edge from 127");

  await start(page, { ...smallRecipe, maxSteps: 3 });
  await events.waitForEnd();
  expect(events.of("device")[0]?.device).toMatchObject({ engine: "tfjs", backend: "wasm" });
  await expect(page.getByLabel("Engine", { exact: true })).toHaveCount(0);
  expect(events.of("step")).toHaveLength(3);
  expect(await adapterSha256(page)).toMatch(/^[0-9a-f]{64}$/);
});

test("a page opened over plain http asks to be opened over https", async ({ visit }) => {
  const address = "10.1.2.3"; // not secure, other than 127.0.0.1
  const { page } = await visit({
    browserArguments: [...onProcessor, `--host-resolver-rules=MAP ${address} 127.0.0.1`],
  });
  await page.goto(siteUrl().replace("127.0.0.1", address));
  const run = page.getByRole("region", { name: "Run", exact: true });
  await expect(run.getByRole("alert")).toContainText("opened over plain http");
  await expect(run.getByRole("alert")).toContainText("Open it over https");
  await expect(page.getByRole("button", { name: "Start training" })).toBeDisabled();
});
