// The main task: open the page, train, read the samples, download the files; without requests to
// other servers.
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import type { BrowserContext, Page } from "@playwright/test";
import { choose, download } from "../../../tools/support/page.ts";
import { expectAccessible } from "../support/accessible.ts";
import { jsonl } from "../support/made-files.ts";
import { expect, siteUrl, smallRecipe, test } from "../support/story.ts";

const singleFiles = [
  "README.md",
  "adapter_config.json",
  "adapter_model.safetensors",
  "trainer_state.json",
];

test("the demo trains, its held-out loss falls, and its adapter can be downloaded", async ({
  visit,
}, testInfo) => {
  const { context, page, events } = await visit();
  const requests = watchRequests(context);
  await page.reload(); // with the requests recorded
  await expect(page.getByRole("button", { name: /^Train the demo/ })).toBeEnabled();

  const recipe = { ...smallRecipe, batchSize: 2, warmupSteps: 0, learningRate: 2e-2 };
  await choose(page, { recipe });
  await page.getByRole("button", { name: "Start training" }).click();
  await events.waitForEnd();

  const [before, after] = events.of("evaluated").map(({ heldOutLoss }) => heldOutLoss);
  expect(after).toBeLessThan(before! - 1);
  for (const name of ["Before training", "After training"]) {
    await expect(page.getByRole("region", { name })).toContainText(/[a-z]{2}/);
  }
  await expect(page.getByRole("region", { name: "Run" })).toContainText("Done: 6 steps");

  const folder = testInfo.outputPath("files");
  mkdirSync(folder, { recursive: true });
  for (const name of singleFiles) {
    await download(page, name, "link", `${folder}/${name}`);
    expect(readFileSync(`${folder}/${name}`).length).toBeGreaterThan(100);
  }
  const config = JSON.parse(readFileSync(`${folder}/adapter_config.json`, "utf8")) as object;
  expect(config).toMatchObject({ peft_type: "LORA", r: 4, lora_alpha: 8 });

  await download(page, "Download adapter (PEFT, zip)", "link", `${folder}/adapter.zip`);
  const namesInZip = zipNames(readFileSync(`${folder}/adapter.zip`));
  expect(namesInZip.map((name) => name.split("/").at(-1)).sort()).toEqual(singleFiles);

  await otherFormats(page, folder);

  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await download(page, "Download step 6", "button", `${folder}/checkpoint.safetensors`);
  expect(readFileSync(`${folder}/checkpoint.safetensors`).length).toBeGreaterThan(10_000);

  expect(requests.map(({ url }) => url)).toContain(`${siteUrl()}demo/model/model.safetensors`);
  expect(requests.filter(({ url }) => new URL(url).origin !== new URL(siteUrl()).origin)).toEqual(
    [],
  );
});

/** The other number formats of PEFT, and each other format, which is written when asked. */
async function otherFormats(page: Page, folder: string): Promise<void> {
  const peft = page.getByRole("region", { name: "PEFT", exact: true });
  await expect(peft).toContainText("Rank 4, alpha 8, on q_proj, v_proj. Nothing is folded.");
  await peft.getByLabel("Values (PEFT)").selectOption("F16");
  await download(page, "adapter_model.safetensors", "link", `${folder}/f16.safetensors`);
  const [f32, f16] = ["adapter_model", "f16"].map((name) =>
    readFileSync(`${folder}/${name}.safetensors`),
  );
  expect(f16!.length).toBeLessThan(0.6 * f32!.length);
  expect(f16!.includes('"F16"')).toBe(true);

  await page.getByText("For other programs: MLX, GGUF, Trainer, Cluster", { exact: true }).click();
  const mlx = page.getByRole("region", { name: "MLX", exact: true });
  await expect(mlx).toContainText("MLX has no alpha: its scale is alpha / rank, 2.");
  await download(page, "Download adapter (MLX, zip)", "button", `${folder}/mlx.zip`);
  expect(zipNames(readFileSync(`${folder}/mlx.zip`)).sort()).toEqual([
    "README.md",
    "adapter_config.json",
    "adapters.safetensors",
    "trainer_state.json",
  ]);
  await expect(mlx.getByRole("link", { name: "Download adapter (MLX, zip)" })).toBeFocused();

  const gguf = page.getByRole("region", { name: "GGUF", exact: true });
  await expect(gguf).toContainText("It acts on a GGUF file of the base model in any quantisation.");
  await download(page, "Download adapter (GGUF, zip)", "button", `${folder}/gguf.zip`);
  expect(zipNames(readFileSync(`${folder}/gguf.zip`)).sort()).toEqual([
    "Modelfile",
    "README.md",
    "adapter.gguf",
    "trainer_state.json",
  ]);
  await download(page, "Modelfile", "link", `${folder}/Modelfile`);
  expect(readFileSync(`${folder}/Modelfile`, "utf8")).toMatch(
    /ADAPTER .*\nTEMPLATE """.*{{ .Prompt }}/,
  );

  const trainer = page.getByRole("region", { name: "Trainer", exact: true });
  await expect(trainer).toContainText("The run is over: to go on, give more steps.");
  await download(page, "Download adapter (Trainer, zip)", "button", `${folder}/trainer.zip`);
  // Files of torch are archives, too.
  const names = zipNames(readFileSync(`${folder}/trainer.zip`));
  expect(names.filter((name) => name.startsWith("checkpoint-")).sort()).toEqual(
    [
      ...["README.md", "adapter_config.json", "adapter_model.safetensors", "optimizer.pt"],
      ...["scheduler.pt", "tokenizer.json", "tokenizer_config.json", "trainer_state.json"],
    ].map((name) => `checkpoint-6/${name}`),
  );

  const cluster = page.getByRole("region", { name: "Cluster", exact: true });
  await expect(cluster).toContainText("Your rows are in it, as text and as tokens.");
  await download(page, "Download adapter (Cluster, zip)", "button", `${folder}/cluster.zip`);
  const bundle = zipNames(readFileSync(`${folder}/cluster.zip`));
  expect(bundle).toEqual(
    expect.arrayContaining([
      ...["README.md", "train.py", "from_text.py", "accelerate/ddp.yaml", "data/steps.json"],
      ...["data/train-tokens.jsonl", "data/train.jsonl", "checkpoint-6/optimizer.pt"],
    ]),
  );
  await expectAccessible(page);
}

test("the planned run is downloaded as a Python script with its rows, before any training", async ({
  visit,
}, testInfo) => {
  const { page, events } = await visit();
  await choose(page, { recipe: { ...smallRecipe, maxSteps: 9 } });
  const path = testInfo.outputPath("in-python.zip");
  await download(page, "The same run in Python", "button", path);
  const zip = readFileSync(path);
  expect(zipNames(zip)).toEqual([
    ...["train.py", "requirements.txt", "data/train.jsonl", "data/heldout.jsonl"],
  ]);
  expect(zip.includes("    max_steps=9,\n")).toBe(true);
  expect(zip.includes("Question: Who sews clothes?")).toBe(true);
  expect(events.of("step")).toEqual([]);
});

test("a data set trains without a network and appears in no request", async ({ visit }) => {
  const { context, page, events } = await visit();
  await context.addInitScript(countOtherChannels);
  await page.reload();
  const requests = watchRequests(context);
  const canary = randomUUID();
  await choose(page, { recipe: { ...smallRecipe, maxLength: 64, maxSteps: 2 } });
  await context.setOffline(true);
  await page.getByLabel("Choose a data file").setInputFiles(
    jsonl(
      Array.from({ length: 8 }, (_, i) => ({
        prompt: `Word ${i}?`,
        completion: ` It is ${canary}.`,
      })),
    ),
  );
  await expect(page.getByRole("region", { name: "Data", exact: true })).toContainText("8 rows");
  await page.getByRole("button", { name: "Start training" }).click();
  await events.waitForEnd();
  await expect(page.getByRole("link", { name: "adapter_model.safetensors" })).toBeVisible();
  expect(await page.evaluate(() => (globalThis as unknown as OtherChannels).otherChannels)).toEqual(
    [],
  );
  await context.setOffline(false);
  await page.reload();
  await choose(page, {});

  const base64 = ["", "x", "xx"].map((before) => Buffer.from(before + canary).toString("base64"));
  const spellings = [canary, ...base64.map((text) => text.slice(4, -4))];
  for (const spelling of spellings) {
    expect(requests.filter((request) => JSON.stringify(request).includes(spelling))).toEqual([]);
  }
});

interface OtherChannels {
  otherChannels: string[];
}

/** Counts channels that no content security policy stops. Runs in the page. */
function countOtherChannels(): void {
  const scope = globalThis as unknown as OtherChannels & Record<string, unknown>;
  scope.otherChannels = [];
  const count = (name: string) =>
    function () {
      scope.otherChannels.push(name);
    };
  scope["RTCPeerConnection"] = count("RTCPeerConnection");
  scope["open"] = count("open");
  navigator.sendBeacon = () => {
    scope.otherChannels.push("sendBeacon");
    return true;
  };
}

interface SeenRequest {
  url: string;
  headers: Record<string, string>;
  body: string | null;
}

/** Records every network request and WebSocket of the browser. */
function watchRequests(context: BrowserContext): SeenRequest[] {
  const seen: SeenRequest[] = [];
  context.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url())) {
      seen.push({ url: request.url(), headers: request.headers(), body: request.postData() });
    }
  });
  for (const page of context.pages()) {
    page.on("websocket", (socket) => seen.push({ url: socket.url(), headers: {}, body: null }));
  }
  return seen;
}

/** File names in a zip. */
function zipNames(zip: Buffer): string[] {
  const names: string[] = [];
  // The central directory lists each file: signature, 42 bytes of fields, name.
  for (let at = zip.indexOf("PK\x01\x02"); at >= 0; at = zip.indexOf("PK\x01\x02", at + 4)) {
    names.push(zip.toString("utf8", at + 46, at + 46 + zip.readUInt16LE(at + 28)));
  }
  return names;
}
