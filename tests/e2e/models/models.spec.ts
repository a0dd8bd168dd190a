// Models of the visitor: by name from a hub, as a dropped folder, as a GGUF file; and a kept model
// without a network.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { choose, download, useHub, waitUntilReady } from "../../../tools/support/page.ts";
import { lfsFile, repoOf, textFile } from "../../support/hub-repo.ts";
import { openHubServer, type HubServer } from "../../support/hub-server.ts";
import { expect, siteUrl, smallRecipe, start, test } from "../support/story.ts";

const demoFolder = fileURLToPath(new URL("../../../public/demo/model/", import.meta.url));
const tinyGguf = fileURLToPath(new URL("../../golden/gguf/tiny.gguf", import.meta.url));
const name = "anneal/tiny";
const recipe = { ...smallRecipe, maxSteps: 2, saveSteps: 0 };

let hub: HubServer;

test.beforeEach(async () => {
  hub = await openHubServer();
  const text = (file: string) => textFile(readFileSync(`${demoFolder}${file}`, "utf8"));
  hub.repos.set(
    name,
    repoOf(
      {
        "config.json": text("config.json"),
        "generation_config.json": text("generation_config.json"),
        "tokenizer_config.json": text("tokenizer_config.json"),
        "tokenizer.json": text("tokenizer.json"),
        "model.safetensors": lfsFile(readFileSync(`${demoFolder}model.safetensors`)),
      },
      { licence: "apache-2.0" },
    ),
  );
});

test.afterEach(async () => {
  await hub.close();
});

const modelSection = (page: Page) => page.getByRole("region", { name: "Model", exact: true });

async function lookUp(page: Page, wanted: string): Promise<void> {
  await page.getByLabel("Model on the Hub").fill(wanted);
  await page.getByRole("button", { name: "Look up" }).click();
}

test("a hub model shows its memory, downloads, trains, and is usable later without a network", async ({
  visit,
  profile,
}) => {
  const { context, page, events } = await visit();
  await context.addInitScript(countPersist);
  await useHub(page, hub.endpoint);
  const origins = new Set<string>();
  context.on("request", (request) => origins.add(new URL(request.url()).origin));

  await lookUp(page, name);
  const offer = page.getByRole("group", { name: "Model looked up" });
  await expect(offer).toContainText("LlamaForCausalLM");
  await expect(offer).toContainText("licence apache-2.0");
  await expect(offer).toContainText(/Needs [\d.]+ MB\. Fits on this device\./);
  const bytesAsked = () =>
    hub.requests
      .filter(({ origin }) => origin === "bytes")
      .reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  expect(bytesAsked()).toBeLessThan(200_000); // header and one norm, no weights

  await offer.getByLabel("Weight format").selectOption("q8/64");
  await expect(offer).toContainText("Fits");
  expect(await page.evaluate(persistCalls)).toBe(0);
  await offer.getByRole("button", { name: /^Download/ }).click();
  expect(await page.evaluate(persistCalls)).toBe(1);
  await expect(modelSection(page)).toContainText(name);
  await expect(page.getByRole("region", { name: "Models on this device" })).toContainText(name);
  expect(await page.evaluate(downloadsLeft)).toEqual([]);
  await start(page, recipe);
  await events.waitForEnd();
  const losses = events.of("step").map(({ entry }) => entry.loss);
  expect(losses).toHaveLength(2);
  const allowed = [siteUrl(), hub.endpoint, hub.bytesOrigin].map((url) => new URL(url).origin);
  expect([...origins].filter((origin) => !allowed.includes(origin))).toEqual([]);
  await context.close();

  await hub.close();
  const again = await visit({ profile });
  await waitUntilReady(again.page);
  await again.context.setOffline(true);
  await again.page.getByRole("button", { name: new RegExp(`^Use ${name}`) }).click();
  await expect(modelSection(again.page).getByRole("definition").first()).toHaveText(name);
  await start(again.page, recipe);
  await again.events.waitForEnd();
  expect(again.events.of("step").map(({ entry }) => entry.loss)).toEqual(losses);
  hub = await openHubServer(); // for afterEach
});

test("the recommended models are listed with licence, size and whether they fit", async ({
  visit,
}) => {
  const { page } = await visit();
  await waitUntilReady(page);
  await page.getByText("Recommended models").click();
  const small = page.getByRole("listitem").filter({ hasText: "SmolLM2-135M" });
  await expect(small).toContainText(/Fits here: needs [\d.]+ [MG]B or more/, { timeout: 60_000 });
  await expect(small).toContainText(/[\d.]+ MB to download, apache-2.0/);
});

test("an unknown model name and a gated model are refused with what to do", async ({ visit }) => {
  const { page } = await visit();
  await useHub(page, hub.endpoint);
  await lookUp(page, "anneal/nothing");
  await expect(page.getByRole("alert")).toContainText("Check the spelling of the name");
  const [files] = hub.repos.get(name)?.commits.values() ?? [];
  hub.repos.set("anneal/gated", repoOf(Object.fromEntries(files ?? []), { gated: "manual" }));
  await lookUp(page, "anneal/gated");
  await expect(page.getByRole("alert")).toContainText("gated");
  await expect(page.getByRole("alert")).toContainText("access token");
});

test("a model folder dropped on the page is loaded, trains, and is called in its adapter as the visitor says", async ({
  visit,
  profile,
}) => {
  const { context, page, events } = await visit();
  await useHub(page, hub.endpoint);
  await dropPath(page, demoFolder.slice(0, -1));
  const model = modelSection(page);
  await expect(model.getByRole("definition").first()).toHaveText("model");
  const field = model.getByLabel("Which model on the Hub is this?");
  await expect(field).toHaveValue("");
  await expect(model.getByRole("status")).toContainText("Adapters name no base model");
  expect(hub.requests).toEqual([]); // nothing is asked by itself
  await field.fill("Smollm2 135M");
  await model.getByRole("button", { name: "Use this name" }).click();
  await expect(model.getByRole("alert")).toContainText("an organisation and a name");
  await field.fill(name);
  await model.getByRole("button", { name: "Look it up" }).click();
  await expect(model.getByRole("status")).toContainText(
    `${name} is on the Hub and has these sizes`,
  );
  expect(hub.requests.map(({ url }) => url).filter((url) => !url.includes(name))).toEqual([]);
  await start(page, recipe);
  await events.waitForEnd();
  expect(events.of("step")).toHaveLength(2);

  const run = page.getByRole("region", { name: "Export" });
  expect(await baseIn(page, profile)).toBe(name);
  await run.getByLabel("Which model on the Hub is this?").fill("anneal/other");
  await run.getByRole("button", { name: "Use this name" }).click();
  await expect(run.getByText('from_pretrained("anneal/other")')).toHaveCount(1);
  await expect(run.getByRole("status")).toContainText("Adapters name it as their base model.");
  expect(await baseIn(page, profile)).toBe("anneal/other");
  await context.close();
});

/** The base model that the exported adapter_config.json names. */
async function baseIn(page: Page, folder: string): Promise<unknown> {
  const name = "adapter_config.json";
  await download(page, name, "link", `${folder}/${name}`);
  const config = JSON.parse(readFileSync(`${folder}/${name}`, "utf8")) as Record<string, unknown>;
  return config["base_model_name_or_path"];
}

test("a single GGUF file is loaded as a complete model and trains", async ({ visit }) => {
  const { page, events } = await visit();
  await waitUntilReady(page);
  await page.getByLabel("Choose files", { exact: true }).setInputFiles(tinyGguf);
  await expect(modelSection(page)).toContainText("Q8_0");
  await choose(page, { recipe });
  await start(page, { ...recipe, maxLength: 96 });
  await events.waitForEnd();
  expect(events.of("step")).toHaveLength(2);
});

/** Drops a file or folder from disk, as the operating system does. */
async function dropPath(page: Page, path: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const items = [{ mimeType: "text/plain", data: path }]; // without an item Chromium drops nothing
  const data = { items, files: [path], dragOperationsMask: 1 };
  const box = await modelSection(page).boundingBox();
  const at = { x: (box?.x ?? 0) + 40, y: (box?.y ?? 0) + 20 };
  for (const type of ["dragEnter", "dragOver", "dragOver", "drop"] as const) {
    await session.send("Input.dispatchDragEvent", { type, ...at, data });
    await page.waitForTimeout(200); // the page must accept the drag first
  }
}

interface Counted {
  persistCalls: number;
}

/** Runs in the page. */
function countPersist(): void {
  const scope = globalThis as unknown as Counted;
  scope.persistCalls = 0;
  navigator.storage.persist = () => {
    scope.persistCalls++;
    return Promise.resolve(true);
  };
}

function persistCalls(): number {
  return (globalThis as unknown as Counted).persistCalls;
}

/** Runs in the page. @returns names of downloaded files that are still in its storage */
async function downloadsLeft(): Promise<string[]> {
  const root = await navigator.storage.getDirectory();
  const names: string[] = [];
  for await (const name of (await root.getDirectoryHandle("downloads")).keys()) {
    names.push(name);
  }
  return names;
}
