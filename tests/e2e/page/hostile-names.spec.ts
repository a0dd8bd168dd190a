// Names of ten thousand characters with marks that turn text around: on the page each is cut, its
// marks are spelt out, and nothing is pushed out of the window of a phone.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { decodeCheckpoint, encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import { madeFile, waitUntilReady } from "../../../tools/support/page.ts";
import { onProcessor } from "../support/faults.ts";
import { expect, test } from "../support/story.ts";

const golden = fileURLToPath(new URL("../../golden/", import.meta.url));
const marks = "\u202e\u2066\0\n\ufeff";
const hostile = (what: string) => `${what}${marks}gpj.${"x".repeat(10_000)}`;

interface Shown {
  /** Texts of the page, and what its labels, titles and placeholders say. */
  texts: string[];
  overflow: number;
}

function shownOn(page: Page): Promise<Shown> {
  return page.evaluate(() => {
    const attributes = ["aria-label", "title", "placeholder"];
    const labels = [...document.querySelectorAll("*")].flatMap((element) =>
      attributes.map((name) => element.getAttribute(name) ?? ""),
    );
    const root = document.documentElement;
    return {
      texts: [document.title, document.body.textContent, ...labels],
      overflow: root.scrollWidth - root.clientWidth,
    };
  });
}

/** That a name is there, cut to 200 characters, with its marks spelt out. */
async function expectShown(page: Page, what: string): Promise<void> {
  await expect(page.locator("body")).toContainText(`${what}\\u202e\\u2066\\u0000\\n\\ufeffgpj.xxx`);
  const { texts, overflow } = await shownOn(page);
  const acting = /[\0\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/;
  expect(texts.filter((text) => acting.test(text))).toEqual([]);
  expect(texts.filter((text) => /x{200}/.test(text))).toEqual([]);
  expect(overflow).toBe(0);
}

/** A saved run whose model and data have such names. */
async function hostileCheckpoint(): Promise<Uint8Array> {
  const bytes = readFileSync(`${golden}checkpoints/schema-5/checkpoint-2.safetensors`);
  const run = await decodeCheckpoint(new Blob([bytes]), "checkpoint.safetensors");
  const base = { ...run.base, name: hostile("base") };
  return encodeCheckpoint({ ...run, base, data: { ...run.data, name: hostile("rows") } });
}

/** A model whose name, ten bytes in its file, turns text around. */
function turnedModel(): Buffer {
  const gguf = readFileSync(`${golden}gguf/tiny.gguf`);
  gguf.write("m\u202e\u2066abc", gguf.indexOf("Tiny Llama"));
  return gguf;
}

test("the page cuts hostile names of a model, a data file, its columns, a recipe's keys and runs, and spells their marks out", async ({
  visit,
}) => {
  const { page } = await visit({ browserArguments: onProcessor });
  await page.setViewportSize({ width: 390, height: 844 });
  await waitUntilReady(page);
  const put = (label: string, file: ReturnType<typeof madeFile>) =>
    page.getByLabel(label, { exact: true }).setInputFiles(file);

  const row = { prompt: "Is it open?", completion: "Yes.", [hostile("column")]: marks };
  const rows = Array.from({ length: 20 }, () => JSON.stringify(row)).join("\n");
  await put("Choose a data file", madeFile(`${hostile("data")}.jsonl`, rows));
  await expectShown(page, "data");
  await expectShown(page, "column");

  await put("Choose files", madeFile(`${hostile("file")}.gguf`, turnedModel()));
  await expect(page.getByRole("region", { name: "Model", exact: true })).toContainText(
    "m\\u202e\\u2066abc",
  );

  const recipe = JSON.stringify({ rank: 4, [hostile("key")]: 1 });
  await put("Load recipe", madeFile(`${hostile("recipe")}.json`, recipe));
  await expectShown(page, "key");

  await page.getByRole("tab", { name: "Checkpoints" }).click();
  const checkpoint = Buffer.from(await hostileCheckpoint());
  await put("Import a checkpoint", madeFile(`${hostile("file")}.safetensors`, checkpoint));
  await expectShown(page, "base");
  await expectShown(page, "rows");
  await page.getByRole("button", { name: /^Rename/ }).click();
  await page.getByLabel("Name of the run").fill(`run${marks.replace("\n", "")}`);
  await page.getByRole("button", { name: "Save the name" }).click();
  await expect(page.getByRole("heading", { name: /^run/ })).toContainText("run\\u202e\\u2066");
  await expectShown(page, "base");
});
