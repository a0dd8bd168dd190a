// Pages that link to Anneal or embed it: what an address asks for is fetched after a press, a host
// page is told figures after another, and saved runs in a frame are shown after a third.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Frame, Page } from "@playwright/test";
import { useHub, waitUntilReady, type EventLog } from "../../../tools/support/page.ts";
import { lfsFile, repoOf, textFile } from "../../support/hub-repo.ts";
import { openHubServer } from "../../support/hub-server.ts";
import { expectAccessible } from "../support/accessible.ts";
import {
  frameOf,
  openAround,
  openFileServer,
  openHostServer,
  toldTo,
  type FileServer,
  type LocalServer,
} from "../support/host-page.ts";
import { browserArguments } from "../../../tools/support/browser.ts";
import { expect, siteUrl, smallRecipe, test } from "../support/story.ts";

const demoFolder = fileURLToPath(new URL("../../../public/demo/model/", import.meta.url));
const recipe = { ...smallRecipe, rank: 3, maxSteps: 3, saveSteps: 2 };
const canary = "It is a canary.";
const rows = Array.from({ length: 8 }, (_, i) => ({ prompt: `Word ${i}?`, completion: canary }));
const jsonl = rows.map((row) => JSON.stringify(row)).join("\n");

let files: FileServer;
let host: LocalServer;

test.beforeEach(async () => {
  files = await openFileServer();
  host = await openHostServer({
    "https://anneal.example": siteUrl().replace(/\/$/, ""),
    "https://data.example": `${files.at("127.0.0.1")}/a`,
  });
  files.files.set("/a/rows.jsonl", jsonl);
  files.files.set("/a/recipe.json", JSON.stringify(recipe));
});

test.afterEach(async () => {
  await Promise.all([files.close(), host.close()]);
});

const file = (path: string) => `${files.at("127.0.0.1")}/a/${path}`;
const asking = (values: Record<string, string>) =>
  `${siteUrl()}?${new URLSearchParams(values).toString()}`;
const askPanel = (scope: Page | Frame) =>
  scope.getByRole("region", { name: "Asked by the address" });
const hostPanel = (scope: Page | Frame) =>
  scope.getByRole("region", { name: "Report to the page around" });
const dataSection = (scope: Page | Frame) =>
  scope.getByRole("region", { name: "Data", exact: true });
const press = (scope: Page | Frame, name: string) =>
  scope.getByRole("button", { name, exact: true }).click();
const paths = () => files.requests.map(({ path }) => path);

/**
 * Playwright switches partitioned storage off, without which Chromium denies all storage to a frame
 * of another site. This list of features takes the place of Playwright's.
 */
const partitioned = [...browserArguments, "--disable-features=Translate"];

/** The host page on another site than Anneal, around an address that asks for data and a recipe. */
async function openEmbedded(page: Page): Promise<Frame> {
  const address = asking({
    data: file("rows.jsonl"),
    recipe: file("recipe.json"),
    host: host.at("localhost"),
  });
  return await openAround(page, host.at("localhost"), address);
}

/** Trains what is set up, without samples. */
async function train(frame: Frame, events: EventLog): Promise<void> {
  await frame.getByLabel("Sample prompt").fill("");
  await press(frame, "Start training");
  await events.waitForEnd();
}

test("nothing is fetched before a press, and nothing is fetched or asked again after a refusal", async ({
  visit,
}) => {
  const { page } = await visit({ browserArguments: partitioned });
  const frame = await openEmbedded(page);
  await expect(askPanel(frame)).toContainText(`${files.at("127.0.0.1")}/a/rows.jsonl`);
  await expect(askPanel(frame)).toContainText(`${files.at("127.0.0.1")}/a/recipe.json`);
  await expect(frame.getByRole("button", { name: "Start training" })).toBeEnabled();
  await expectAccessible(page);
  expect(paths()).toEqual([]);
  // The policy does not allow it either.
  expect(await reach(frame, file("rows.jsonl"))).toBe("TypeError");

  await press(frame, "Load nothing");
  await expect(askPanel(frame)).toHaveCount(0);
  const left = new URL(frame.url()).searchParams;
  expect([...left.keys()]).toEqual(["host"]);
  await frame.evaluate(() => {
    location.reload();
  });
  await expect(hostPanel(frame)).toBeVisible();
  await expect(frame.getByRole("button", { name: "Start training" })).toBeEnabled();
  await expect(askPanel(frame)).toHaveCount(0);
  expect(paths()).toEqual([]);
  expect(await toldTo(page)).toEqual([]);
});

test("a host page's data and recipe train after a press, and it is told figures after another", async ({
  visit,
}) => {
  const { page, events } = await visit({ browserArguments: partitioned });
  await page.addInitScript(noteMessages);
  await page.goto(`${host.at("localhost")}/example`);
  const frame = await frameOf(page);
  await press(frame, "Load it");
  await expect(dataSection(frame)).toContainText("rows.jsonl");
  await expect(dataSection(frame)).toContainText("8 rows");
  const section = frame.getByRole("region", { name: "Recipe", exact: true });
  await expect(section).toContainText("recipe.json");
  await expect(section).toContainText("rank 3");
  expect(paths()).toEqual(["/a/rows.jsonl", "/a/recipe.json"]);
  for (const { headers } of files.requests) {
    expect(headers).not.toHaveProperty("cookie");
    expect(headers).not.toHaveProperty("referer");
  }
  expect(await reach(frame, file("other.jsonl"))).toBe("TypeError");

  await expect(frame.getByText("Nothing leaves this tab")).toBeVisible();
  expect(await toldTo(page)).toEqual([]);
  await expect(hostPanel(frame)).toContainText(host.at("localhost"));
  await press(frame, "Report figures");
  await expect(frame.getByText("Only figures leave this tab")).toBeVisible();
  await train(frame, events);
  await expect.poll(async () => (await toldTo(page)).at(-1)?.data.kind).toBe("done");
  const told = await toldTo(page);
  expect(new Set(told.map(({ origin }) => origin))).toEqual(new Set([new URL(siteUrl()).origin]));
  const messages = told.map(({ data }) => data);
  expect(messages[0]).toMatchObject({ source: "anneal", version: 1, kind: "opened" });
  const trained = events.of("step").map(({ entry }) => [entry.step, entry.loss]);
  const steps = messages.filter((message) => message.kind === "step");
  expect(steps.map(({ step, loss }) => [step, loss])).toEqual(trained);
  expect(trained).toHaveLength(3);
  expect(messages.at(-1)).toMatchObject({ kind: "done", step: 3, end: "complete" });
  await expect(page.getByRole("status")).toHaveText("Done at step 3: complete.");
  expect(JSON.stringify(messages)).not.toMatch(/canary|Word|rows\.jsonl|recipe\.json/);

  await press(frame, "Stop reporting");
  await frame.getByRole("radio", { name: "Quick" }).check();
  await expect(frame.getByText("Nothing leaves this tab")).toBeVisible();
  await expect(frame.getByRole("button", { name: "Start training" })).toBeEnabled();
  expect(await toldTo(page)).toHaveLength(messages.length);
});

test("in a frame saved runs, their buttons and Start over are shown after a press", async ({
  visit,
}) => {
  const { page, events } = await visit({ browserArguments: partitioned });
  const frame = await openEmbedded(page);
  await press(frame, "Load it");
  await expect(frame.getByRole("region", { name: "Recipe", exact: true })).toContainText("rank 3");
  const startOver = frame.getByRole("button", { name: "Start over with the demo" });
  await expect(frame.getByRole("button", { name: "Show ways to start over" })).toBeVisible();
  await expect(startOver).toHaveCount(0);
  await train(frame, events);

  const panel = frame.getByRole("tabpanel", { name: /^Checkpoints/ });
  const openPanel = () => frame.getByRole("tab", { name: /^Checkpoints/ }).click();
  const deletion = panel.getByRole("button", { name: /^Delete/ });
  await openPanel();
  await expect(panel.getByRole("button")).toHaveText(["Show saved runs"]);
  await press(frame, "Show saved runs");
  await expect(deletion).toHaveCount(2);
  await expect(startOver).toBeVisible();

  await frame.evaluate(() => {
    location.reload();
  });
  await openPanel();
  await expect(frame.getByRole("tab", { name: /^Checkpoints/ })).toHaveText(/2$/);
  expect(paths()).toEqual(["/a/rows.jsonl", "/a/recipe.json"]);
  await expect(panel.getByRole("button")).toHaveText(["Show saved runs"]);
  // Not in a frame they are there at once; a browser gives a frame a storage of its own.
  await page.goto(siteUrl());
  await page.getByRole("tab", { name: /^Checkpoints/ }).click();
  await expect(page.getByRole("button", { name: "Import all runs" })).toBeVisible();
});

test("a frame without storage says so", async ({ visit }) => {
  const { page } = await visit();
  const frame = await openAround(page, host.at("localhost"), siteUrl());
  const run = frame.getByRole("region", { name: "Run", exact: true });
  await expect(run.getByRole("alert")).toContainText("The browser blocks site data");
  await expect(run.getByRole("alert")).toContainText("open it in a tab instead of a frame");
});

test("a page that the visitor did not allow is told nothing", async ({ visit }) => {
  const { page } = await visit({ browserArguments: partitioned });
  const allowed = "http://localhost:1";
  const frame = await openAround(page, host.at("localhost"), asking({ host: allowed }));
  await waitUntilReady(frame as unknown as Page);
  await expect(hostPanel(frame)).toContainText(allowed);
  await press(frame, "Report figures");
  await expect(frame.getByText(`Figures of runs go to ${allowed}`)).toBeVisible();
  // A message to this page would arrive in front of this one.
  await frame.evaluate(() => {
    window.parent.postMessage("the host page hears", "*");
  });
  await expect.poll(async () => (await toldTo(page)).length).toBe(1);
  expect((await toldTo(page))[0]?.data).toBe("the host page hears");

  const silent = await openAround(page, host.at("localhost"), siteUrl());
  await waitUntilReady(silent as unknown as Page);
  await expect(hostPanel(silent)).toHaveCount(0);
  expect(await toldTo(page)).toEqual([]);
  // Without a page around, the address asks for no report.
  await page.goto(asking({ host: host.at("localhost") }));
  await waitUntilReady(page);
  await expect(hostPanel(page)).toHaveCount(0);
});

test("an address asks for a model of the hub too, its recipe waits, and a frame shows it after a press", async ({
  visit,
}) => {
  const hub = await openHubServer();
  try {
    const text = (name: string) => textFile(readFileSync(`${demoFolder}${name}`, "utf8"));
    const names = ["config.json", "tokenizer_config.json", "tokenizer.json"];
    hub.repos.set(
      "anneal/tiny",
      repoOf({
        ...Object.fromEntries(names.map((name) => [name, text(name)])),
        "model.safetensors": lfsFile(readFileSync(`${demoFolder}model.safetensors`)),
      }),
    );
    const { page } = await visit();
    await useHub(page, hub.endpoint);
    const [data, named] = [file("rows.jsonl"), file("recipe.json")];
    await page.goto(asking({ model: "anneal/tiny", data, recipe: named }));
    await expect(askPanel(page)).toContainText(`${hub.endpoint}/anneal/tiny`);
    await waitUntilReady(page);
    expect([hub.requests, paths()]).toEqual([[], []]);
    await press(page, "Load it");
    const offer = page.getByRole("group", { name: "Model looked up" });
    await expect(offer).toContainText("anneal/tiny");
    await expect(page.getByText("The recipe is fetched when the model is loaded.")).toBeVisible();
    await expect(dataSection(page)).toContainText("8 rows");
    expect(paths()).toEqual(["/a/rows.jsonl"]);
    await offer.getByRole("button", { name: /^Download/ }).click();
    const section = page.getByRole("region", { name: "Recipe", exact: true });
    await expect(section).toContainText("rank 3");
    expect(paths()).toEqual(["/a/rows.jsonl", "/a/recipe.json"]);
    const model = page.getByRole("region", { name: "Model", exact: true });
    await expect(model).toContainText("anneal/tiny");

    // A page of the same site shares the storage: its frame has this model, behind a press.
    const frame = await openAround(page, host.at("127.0.0.1"), siteUrl());
    const framed = frame.getByRole("region", { name: "Model", exact: true });
    const deletion = framed.getByRole("button", { name: /^Delete anneal\/tiny/ });
    await expect(framed.getByRole("button", { name: "Show stored models" })).toBeVisible();
    await expect(deletion).toHaveCount(0);
    await press(frame, "Show stored models");
    await expect(deletion).toBeVisible();
  } finally {
    await hub.close();
  }
});

test("what cannot be fetched or read is named with a way out, and what is loaded stays", async ({
  visit,
}) => {
  const { page } = await visit();
  const other = await openFileServer();
  other.files.set("/rows.jsonl", jsonl);
  files.files.set("/a/large.jsonl", (response) => {
    response.writeHead(200, { "Content-Length": 600e6 }).flushHeaders();
  });
  files.files.set("/a/page.jsonl", (response) => {
    response.writeHead(200, { "Content-Type": "text/html" }).end("<title>Sign in</title>");
  });
  files.files.set("/a/closed.jsonl", (response) => {
    response.removeHeader("Access-Control-Allow-Origin");
    response.end(jsonl);
  });
  files.files.set("/a/moved.jsonl", (response) => {
    response.writeHead(302, { Location: `${other.at("127.0.0.1")}/rows.jsonl` }).end();
  });
  files.files.set("/a/prose.yaml", "Once upon a time");
  files.files.set("/a/bad.json", JSON.stringify({ rank: -1 }));
  files.files.set("/a/long.json", " ".repeat(2 ** 20 + 1));
  const cases: [Record<string, string>, RegExp][] = [
    [{ data: file("none.jsonl") }, /none\.jsonl: The server answered 404\. Check the address\./],
    [{ data: file("large.jsonl") }, /more than 512 MB\. Download it, and choose it here\./],
    [{ data: file("page.jsonl") }, /sent a web page, not a file\. Give the address of the file/],
    [{ data: file("closed.jsonl") }, /cannot be fetched .* has to allow other pages \(CORS\)/],
    [{ data: file("moved.jsonl") }, /cannot be fetched .* not to redirect to another/],
    [{ recipe: file("none.json") }, /none\.json: The server answered 404/],
    [{ recipe: file("prose.yaml") }, /prose\.yaml: The recipe was not loaded/],
    [{ recipe: file("bad.json") }, /bad\.json: .*rank/],
    [{ recipe: file("long.json") }, /long\.json: The file has more than 1\.0 MB/],
  ];
  try {
    for (const [values, sentence] of cases) {
      const name = Object.keys(values)[0] === "data" ? "Data" : "Recipe";
      await page.goto(asking(values));
      await press(page, "Load it");
      const section = page.getByRole("region", { name, exact: true });
      await expect(section.getByRole("alert"), JSON.stringify(values)).toContainText(sentence);
      await expect(dataSection(page)).toContainText("320");
      await expect(askPanel(page)).toHaveCount(0);
    }
    expect(other.requests).toEqual([]);
  } finally {
    await other.close();
  }

  await page.goto(asking({ data: "ftp://example.org/rows.jsonl", host: "*" }));
  await expect(askPanel(page)).toContainText(
    "data is not used: it has to be the address of a file",
  );
  await expect(askPanel(page)).toContainText("host is not used: it has to be an origin");
  await expect(page.getByRole("button", { name: "Load it" })).toHaveCount(0);
  await press(page, "Dismiss");
  await expect(askPanel(page)).toHaveCount(0);
  expect(page.url()).toBe(siteUrl());
});

test("the server of npm start sends its headers, and only pages of this machine frame it", async ({
  visit,
}) => {
  const stranger = "host.example";
  const { page } = await visit({
    browserArguments: [...browserArguments, `--host-resolver-rules=MAP ${stranger} 127.0.0.1`],
  });
  await waitUntilReady(page);
  const response = await page.reload();
  expect(response?.headers()).toMatchObject({
    "content-security-policy": "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "x-content-type-options": "nosniff",
  });
  await waitUntilReady(page);
  for (const scope of [page, ...page.workers()]) {
    expect(await (scope as Page).evaluate(() => globalThis.crossOriginIsolated)).toBe(true);
  }
  const address = host.at("localhost").replace("localhost", stranger);
  const frame = await openAround(page, address, siteUrl());
  await expect.poll(() => frame.url()).toMatch(/^chrome-error:/);
});

/** Runs in the example page, which notes less. */
function noteMessages(): void {
  const told: unknown[] = [];
  (globalThis as { told?: unknown }).told = told;
  addEventListener("message", ({ origin, data }: MessageEvent<unknown>) => {
    told.push({ origin, data });
  });
}

/** Runs in the frame. @returns the status, or the name of the error */
async function reach(frame: Frame, url: string): Promise<number | string> {
  return await frame.evaluate(async (address) => {
    try {
      return (await fetch(address)).status;
    } catch (error) {
      return (error as Error).name;
    }
  }, url);
}
