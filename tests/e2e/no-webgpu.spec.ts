// A browser without WebGPU: said in words, and everything still works on the processor.
import { browserArguments } from "../support/browser.ts";
import { adapterSha256, expect, smallRecipe, start, test } from "./story.ts";

/** As Chromium comes on a machine without a graphics card: requestAdapter() answers null. */
const withoutWebGpu = browserArguments.filter((argument) => !argument.includes("webgpu"));

test("without WebGPU the page says so and trains on the processor", async ({ visit }) => {
  const { page, events } = await visit({ browserArguments: withoutWebGpu });
  expect(await page.evaluate(() => navigator.gpu.requestAdapter())).toBeNull();
  const note = page.getByRole("region", { name: /gives no WebGPU/ });
  await expect(note).toContainText("This browser has WebGPU but offers no graphics adapter.");
  await expect(note).toContainText("Chrome and Edge");

  await start(page, { ...smallRecipe, maxSteps: 3 });
  await events.waitForEnd();
  expect(events.of("device")[0]?.device.backend).toBe("wasm");
  expect(events.of("step")).toHaveLength(3);
  expect(await adapterSha256(page)).toMatch(/^[0-9a-f]{64}$/);
});
