// The merged model: both forms are saved through the page and open again; a cancel and a full disk
// leave nothing.
import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import { choose, download, waitUntilReady } from "../../../tools/support/page.ts";
import { onProcessor } from "../support/faults.ts";
import { changedWeights, demoConfig, demoModel } from "../support/made-files.ts";
import { expectAccessible } from "../support/accessible.ts";
import { expect, siteUrl, smallRecipe, start, test } from "../support/story.ts";

const recipe = { ...smallRecipe, template: "raw", warmupSteps: 0, learningRate: 2e-2 } as const;
const question = "Where is the treasure?";

test("both forms of the merged model are downloaded, and the GGUF answers as base and adapter do", async ({
  visit,
}, testInfo) => {
  const { context, page, events } = await visit({ browserArguments: onProcessor });
  await withoutPickers(page);
  await start(page, recipe);
  await events.waitForEnd();
  const adapted = await answer(page, true);
  expect(adapted).not.toBe(await answer(page, false));

  const gguf = await openForm(page, "GGUF model");
  await expect(gguf).toContainText("The adapter is merged in f32, tensor by tensor");
  await expect(gguf.getByLabel("Values (GGUF model)")).toContainText("Q4_0, ");
  await expectAccessible(page);
  const measured = events.of("evaluated").map(({ heldOutLoss }) => heldOutLoss);
  for (const type of ["Q4_0", "F32"]) {
    const [base, adapter, merged] = await compare(gguf, type);
    expect(base).toBeCloseTo(measured[0]!, 2);
    expect(adapter).toBeCloseTo(measured.at(-1)!, 2);
    expect(adapter).toBeLessThan(base! - 1);
    if (type === "F32") {
      expect(merged).toBeCloseTo(adapter!, 2);
      await expect(gguf).toContainText("Merged in F32, the model is as good as base and adapter.");
    } else {
      expect(merged).not.toBe(adapter);
      expect(merged).toBeLessThan(base!);
    }
  }
  const file = testInfo.outputPath("merged.gguf");
  await download(page, "Save merged model (GGUF)", "button", file);
  expect(readFileSync(file).subarray(0, 4).toString()).toBe("GGUF");
  await expect(gguf.getByRole("link", { name: /-merged-step-6-f32\.gguf$/ })).toBeFocused();

  const archive = testInfo.outputPath("merged.zip");
  await download(page, "Save merged model (zip)", "button", archive);
  const bytes = readFileSync(archive);
  for (const name of ["config.json", "tokenizer.json", "model.safetensors"]) {
    expect(bytes.includes(name), name).toBe(true);
  }

  expect(await exportsKept(page)).toBe(2);
  await gguf.getByRole("button", { name: "Delete the copy" }).click();
  await expect.poll(() => exportsKept(page)).toBe(1);
  await page.reload();
  await waitUntilReady(page);
  await expect.poll(() => exportsKept(page)).toBe(0);

  await loadModel(page, file, "F32, 3.7 MB");
  await choose(page, { recipe });
  expect(await answer(page, false)).toBe(adapted);
  await context.close();
});

test("a picked file and a picked folder hold the merged model", async ({ visit }) => {
  const { page, events } = await visit({ browserArguments: onProcessor });
  await withPickedFiles(page);
  await start(page, { ...recipe, maxSteps: 2 });
  await events.waitForEnd();
  const gguf = await openForm(page, "GGUF model");
  await gguf.getByRole("button", { name: "Save merged model (GGUF)" }).click();
  await expect(gguf).toContainText(/Written: \S+-merged-step-2-f16\.gguf, 1\.9 MB, at/);
  const folder = page.getByRole("region", { name: "Hugging Face folder" });
  for (const name of ["merged-step-2-f16", "merged-step-2-f16-2"]) {
    await folder.getByRole("button", { name: "Save merged model (folder)" }).click();
    await expect(folder).toContainText(new RegExp(`Written: \\S+${name}, `));
  }
  const picked = await entriesOf(page, "picked");
  expect(picked.filter((path) => path.endsWith(".gguf"))).toHaveLength(1);
  expect(picked.filter((path) => path.endsWith("/model.safetensors"))).toHaveLength(2);
  expect(picked.filter((path) => path.endsWith("/generation_config.json"))).toHaveLength(2);
});

test("a merged model that is cancelled or has no space on the disk leaves nothing", async ({
  visit,
}) => {
  const { context, page, events } = await visit({ browserArguments: onProcessor });
  const devTools = await context.newCDPSession(page);
  const { origin } = new URL(siteUrl());
  // The stored model has 41 MB; merged it has 82 MB in F32.
  await devTools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 110e6 });
  await withoutPickers(page);
  await choose(page, {});
  await loadModel(page, wideModel(), "21.3 M parameters", true);
  await start(page, { ...recipe, maxSteps: 1, heldOutRows: 0, maxLength: 16 });
  await events.waitForEnd();
  const gguf = await openForm(page, "GGUF model");

  await gguf.getByLabel("Values (GGUF model)").selectOption("F32");
  await gguf.getByRole("button", { name: "Save merged model (GGUF)" }).click();
  await expect(gguf.getByRole("alert")).toContainText(
    /The browser's storage is full: 8\d\.\d MB more are needed; \d\d\.\d MB are in use\./,
  );
  expect(await exportsKept(page)).toBe(0);

  await gguf.getByLabel("Values (GGUF model)").selectOption("Q8_0");
  const cancelled = cancelAfterFirstBytes(page);
  await gguf.getByRole("button", { name: "Save merged model (GGUF)" }).click();
  const { doneBytes, totalBytes, afterMs } = await cancelled;
  expect(doneBytes).toBeGreaterThan(0);
  expect(doneBytes).toBeLessThan(totalBytes);
  expect(afterMs).toBeLessThan(1000);
  await expect(gguf.getByRole("alert")).toHaveCount(0);
  await expect(gguf.getByRole("link")).toHaveCount(0);
  expect(await exportsKept(page)).toBe(0);
});

/**
 * @param words of the page about it, and about no other model of the story
 * @param isOffered whether the page asks first, as it does where the default recipe does not fit
 */
async function loadModel(
  page: Page,
  files: Parameters<Page["setInputFiles"]>[1],
  words: string,
  isOffered = false,
): Promise<void> {
  const model = page.getByRole("region", { name: "Model", exact: true });
  await page.getByLabel("Choose files", { exact: true }).setInputFiles(files);
  await expect(model).toContainText(words);
  const load = model.getByRole("button", { name: "Load this model" });
  await (isOffered ? load.click() : null);
  await expect(load).toHaveCount(0);
  await waitUntilReady(page);
}

async function openForm(page: Page, name: string) {
  await page.getByText(/^Merged model: /).click();
  const form = page.getByRole("region", { name, exact: true });
  await expect(form).toBeVisible();
  return form;
}

/** @returns the losses of base, base and adapter, and merged model */
async function compare(form: Locator, type: string): Promise<number[]> {
  await form.getByLabel("Values (GGUF model)").selectOption(type);
  await form.getByRole("button", { name: `Compare ${type} on held-out rows` }).click();
  const table = form.getByRole("table", { name: /^Held-out loss, 2 rows/ });
  await expect(table).toContainText(`Merged, ${type}`, { timeout: 120_000 });
  return (await table.getByRole("cell").allInnerTexts()).map(Number);
}

/** Eight tokens, the likeliest each. */
async function answer(page: Page, useAdapter: boolean): Promise<string> {
  const box = page.getByRole("region", { name: "Try it" });
  await box.getByLabel("Prompt").fill(question);
  await box.getByLabel("Max new tokens").fill("8");
  await (useAdapter || (await box.getByLabel("Adapter on").isEnabled())
    ? box.getByLabel("Adapter on").setChecked(useAdapter)
    : null);
  await box.getByRole("button", { name: "Generate" }).click();
  await expect(box.getByRole("button", { name: "Generate" })).toBeEnabled();
  const title = useAdapter ? "With the adapter" : "Without the adapter";
  return await page.getByRole("region", { name: title }).getByRole("status").innerText();
}

/** As in a browser that lets no page write to the disk. */
async function withoutPickers(page: Page): Promise<void> {
  await page.addInitScript(() => {
    Object.assign(window, { showSaveFilePicker: undefined, showDirectoryPicker: undefined });
  });
  await page.reload();
}

/** What the browser's dialog answers is a folder of the page's storage, whose handles are real. */
async function withPickedFiles(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const picked = async () =>
      await (await navigator.storage.getDirectory()).getDirectoryHandle("picked", { create: true });
    Object.assign(window, {
      showDirectoryPicker: picked,
      showSaveFilePicker: async ({ suggestedName }: { suggestedName: string }) =>
        await (await picked()).getFileHandle(suggestedName, { create: true }),
    });
  });
  await page.reload();
}

/** The demo model with many more tokens. */
function wideModel() {
  const vocab = 160_000;
  return demoModel({
    "config.json": demoConfig({ vocab_size: vocab }),
    "model.safetensors": changedWeights((tensors) =>
      tensors.map((tensor) =>
        tensor.name === "model.embed_tokens.weight"
          ? { ...tensor, shape: [vocab, 128], data: repeated(tensor.data, vocab * 128 * 2) }
          : tensor,
      ),
    ),
  });
}

function repeated(data: ArrayBufferView, sizeBytes: number): Uint8Array {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.alloc(sizeBytes, bytes);
}

/** Presses Cancel in the page itself, at the first bytes. */
async function cancelAfterFirstBytes(page: Page) {
  return await page.evaluate(async () => {
    const bar = () =>
      document.querySelector<HTMLProgressElement>('progress[aria-label^="Writing"]');
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    while ((bar()?.value ?? 0) === 0) {
      await frame();
    }
    const { value: doneBytes, max: totalBytes } = bar()!;
    const at = performance.now();
    [...document.querySelectorAll("button")]
      .find((button) => button.textContent.trim() === "Cancel writing")!
      .click();
    while (bar() !== null) {
      await frame();
    }
    return { doneBytes, totalBytes, afterMs: performance.now() - at };
  });
}

/** Files of merged models in the page's storage. */
async function exportsKept(page: Page): Promise<number> {
  return (await entriesOf(page, "exports")).length;
}

/** Paths of all files in a folder of the page's storage. */
async function entriesOf(page: Page, name: string): Promise<string[]> {
  return await page.evaluate(async (folder) => {
    const paths: string[] = [];
    const walk = async (handle: FileSystemDirectoryHandle, prefix: string): Promise<void> => {
      for await (const [entry, inner] of handle.entries()) {
        await (inner.kind === "directory"
          ? walk(inner, `${prefix}${entry}/`)
          : paths.push(`${prefix}${entry}`));
      }
    };
    const root = await navigator.storage.getDirectory();
    await root.getDirectoryHandle(folder).then(
      (found) => walk(found, ""),
      () => undefined,
    );
    return paths;
  }, name);
}
