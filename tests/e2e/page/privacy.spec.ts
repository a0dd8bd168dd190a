// Privacy: the built page cannot connect to other servers, run foreign scripts or treat text as
// markup, and the data set appears only in the page and its own storage.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { BrowserContext, Page, Worker } from "@playwright/test";
import { lfsFile, repoOf, textFile } from "../../support/hub-repo.ts";
import { openHubServer } from "../../support/hub-server.ts";
import {
  choose,
  madeFile,
  useHub,
  waitUntilReady,
  type MadeFile,
} from "../../../tools/support/page.ts";
import { jsonl } from "../support/made-files.ts";
import { expect, siteUrl, smallRecipe, start, test } from "../support/story.ts";

const demoFolder = fileURLToPath(new URL("../../../public/demo/model/", import.meta.url));
const tinyGguf = fileURLToPath(new URL("../../golden/gguf/tiny.gguf", import.meta.url));
const recipe = { ...smallRecipe, maxSteps: 2, saveSteps: 1 };

/** A server that the page must never contact. */
let stranger: Server;
let asked: string[];
const strangerUrl = () => `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;

test.beforeEach(async () => {
  asked = [];
  stranger = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(200, { "access-control-allow-origin": "*" }).end("taken");
  });
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
});

test.afterEach(async () => {
  // the browser opens connections in advance, and close() would wait a minute for them
  stranger.closeAllConnections();
  await new Promise((resolve) => stranger.close(resolve));
});

test("the browser refuses connections of the page and its worker to an unknown server", async ({
  visit,
}) => {
  const { page } = await visit();
  await waitUntilReady(page);
  const scopes: [string, Page | Worker][] = [["the page", page]];
  expect(page.workers().length).toBeGreaterThan(0);
  page.workers().forEach((worker) => scopes.push([worker.url(), worker]));
  for (const [name, scope] of scopes) {
    // An allowed address is reached, so a refusal is not a missing network.
    expect(await reach(scope, `${siteUrl()}demo/model/config.json`), name).toEqual({ fetch: 200 });
    expect(await reach(scope, `${strangerUrl()}/from`), name).toEqual({ fetch: "TypeError" });
    expect(await reach(scope, "http://localhost:9/from"), name).toEqual({ fetch: "TypeError" });
    expect(await openSocket(scope, `${strangerUrl().replace("http", "ws")}/socket`), name).not.toBe(
      "open",
    );
  }
  expect(await page.evaluate(loadFromElsewhere, strangerUrl())).toEqual({
    img: "refused",
    script: "refused",
    iframe: "refused",
  });
  expect(asked).toEqual([]);
});

test("the browser runs no script but the page's own", async ({ visit }) => {
  const { page } = await visit();
  await waitUntilReady(page);
  const tried = await page.evaluate(tryScripts);
  expect(tried).toEqual({
    eval: "EvalError",
    function: "EvalError",
    timer: "not run",
    inline: "not run",
    handler: "not run",
    url: "not run",
    markup: "TypeError",
    worker: "TypeError",
  });
  for (const worker of page.workers()) {
    expect(await worker.evaluate(tryEval), worker.url()).toBe("EvalError");
  }
});

/** Markup that, if parsed, leaves an element, a variable and a request. */
const markup = (mark: string) =>
  `<img src="${strangerUrl()}/${mark}" onerror="window.stolen=1"><script>window.stolen=1</script>`;

test("markup in a data set or a model file is shown as text", async ({ visit }) => {
  const { page, events } = await visit();
  const watch = watchForMarkup(page);
  await choose(page, { recipe: { ...recipe, maxLength: 128 } });
  await page.getByLabel("Choose a data file").setInputFiles(
    jsonl(
      Array.from({ length: 8 }, (_, i) => ({
        prompt: `${markup("prompt")} ${i}`,
        completion: markup("completion"),
      })),
      `${markup("file").replaceAll("/", ":")}.jsonl`,
    ),
  );
  const data = page.getByRole("region", { name: "Data", exact: true });
  await expect(data).toContainText("8 rows");
  await expect(data).toContainText("<img src=");
  await start(page, { ...recipe, maxLength: 128 });
  await events.waitForEnd();
  for (const tab of await tabNames(page)) {
    await page.getByRole("tab", { name: tab }).click();
    await watch.expectNone();
  }

  await page
    .getByLabel("Choose a data file")
    .setInputFiles(jsonl([{ [markup("column")]: "a" }], "columns.jsonl"));
  await expect(data).toContainText(markup("column"));
  await watch.expectNone();

  const model = page.getByRole("region", { name: "Model", exact: true });
  await page.getByLabel("Choose files", { exact: true }).setInputFiles(ggufNamed());
  await expect(model).toContainText("<img src=");
  await expect(model).toContainText("<script>");
  await watch.expectNone();
});

test("markup from a hub is shown as text, and requests go only to the page's server and that hub", async ({
  visit,
}) => {
  const hub = await openHubServer();
  try {
    const text = (file: string) => textFile(readFileSync(`${demoFolder}${file}`, "utf8"));
    const names = ["config.json", "generation_config.json", "tokenizer_config.json"];
    hub.repos.set(
      "anneal/tiny",
      repoOf(
        {
          ...Object.fromEntries(names.map((name) => [name, text(name)])),
          "tokenizer.json": text("tokenizer.json"),
          "model.safetensors": lfsFile(readFileSync(`${demoFolder}model.safetensors`)),
        },
        { licence: markup("licence") },
      ),
    );
    const { context, page, events } = await visit();
    const watch = watchForMarkup(page);
    const origins = watchOrigins(context);
    await useHub(page, hub.endpoint);
    await page.getByLabel("Model on the Hub").fill("anneal/tiny");
    await page.getByRole("button", { name: "Look up" }).click();
    const offer = page.getByRole("group", { name: "Model looked up" });
    await expect(offer).toContainText("<img src=");
    await watch.expectNone();
    await offer.getByRole("button", { name: /^Download/ }).click();
    await expect(page.getByRole("region", { name: "Model", exact: true })).toContainText("<img");
    await start(page, recipe);
    await events.waitForEnd();
    await watch.expectNone();
    const allowed = [siteUrl(), hub.endpoint, hub.bytesOrigin].map((url) => new URL(url).origin);
    expect(allowed).toEqual(expect.arrayContaining([...origins]));
    expect(origins.size).toBe(3);
    // A hub on this machine is allowed by one host name, not by all of them.
    const other = strangerUrl().replace("127.0.0.1", "localhost");
    for (const scope of [page, ...page.workers()]) {
      expect(await reach(scope, other)).toEqual({ fetch: "TypeError" });
    }
  } finally {
    await hub.close();
  }
});

test("the data set is in no console log, no address and no other origin's storage", async ({
  visit,
}) => {
  const { context, page, events } = await visit();
  const canary = randomUUID();
  const logged: string[] = [];
  context.on("console", (message) => logged.push(message.text()));
  context.on("weberror", (error) => logged.push(error.error().message));
  const urls: string[] = [];
  context.on("request", (request) => urls.push(request.url()));
  page.on("framenavigated", (frame) => urls.push(frame.url()));
  await choose(page, { recipe: { ...recipe, maxLength: 64 } });
  await context.setOffline(true);
  const rows = Array.from({ length: 8 }, (_, i) => ({
    prompt: `Word ${i}?`,
    completion: ` It is ${canary}.`,
  }));
  await page.getByLabel("Choose a data file").setInputFiles(jsonl(rows, `${canary}.jsonl`));
  await start(page, { ...recipe, maxLength: 64 });
  await events.waitForEnd();
  await page.evaluate(() => {
    console.log("the log is heard");
  });
  await expect.poll(() => logged).toContain("the log is heard");
  const said = [...logged, ...urls, page.url(), await page.title()];
  expect(said.filter((text) => text.includes(canary))).toEqual([]);

  const site = new URL(siteUrl()).origin;
  const usage = await usageOf(page, site);
  expect(usage).toBeGreaterThan(10_000); // a checkpoint and the data
  const others = [strangerUrl(), site.replace("127.0.0.1", "localhost"), "https://huggingface.co"];
  for (const origin of others) {
    expect(await usageOf(page, origin), origin).toBe(0);
  }
  const { cookies, origins } = await context.storageState();
  expect(cookies).toEqual([]);
  expect(origins.map(({ origin }) => origin).filter((origin) => origin !== site)).toEqual([]);
});

async function tabNames(page: Page): Promise<string[]> {
  const names = await page.getByRole("tab").allTextContents();
  expect(names.length).toBeGreaterThan(2);
  return names.map((name) => name.trim());
}

async function usageOf(page: Page, origin: string): Promise<number> {
  const session = await page.context().newCDPSession(page);
  const { usage } = await session.send("Storage.getUsageAndQuota", { origin });
  return usage;
}

function watchOrigins(context: BrowserContext): Set<string> {
  const origins = new Set<string>();
  context.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url())) {
      origins.add(new URL(request.url()).origin);
    }
  });
  return origins;
}

/** Detects elements, scripts and dialogs that only parsed markup can create. */
function watchForMarkup(page: Page) {
  const dialogs: string[] = [];
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  return {
    async expectNone() {
      await expect(page.locator("img")).toHaveCount(0);
      await expect(page.locator("body script")).toHaveCount(0);
      expect(await page.evaluate(() => "stolen" in globalThis)).toBe(false);
      expect(dialogs).toEqual([]);
      expect(asked).toEqual([]);
    },
  };
}

/** Runs in the page or in a worker. @returns the status, or the name of the error */
async function reach(scope: Page | Worker, url: string): Promise<{ fetch: number | string }> {
  return await (scope as Page).evaluate(async (address) => {
    try {
      return { fetch: (await fetch(address)).status };
    } catch (error) {
      return { fetch: (error as Error).name };
    }
  }, url);
}

async function openSocket(scope: Page | Worker, url: string): Promise<string> {
  return await (scope as Page).evaluate(
    (address) =>
      new Promise<string>((resolve) => {
        try {
          const socket = new WebSocket(address);
          socket.onopen = () => {
            resolve("open");
          };
          socket.onerror = () => {
            resolve("error");
          };
        } catch (error) {
          resolve((error as Error).name);
        }
      }),
    url,
  );
}

/** Runs in the page: adds elements that load a URL. @returns whether the policy stopped each */
async function loadFromElsewhere(url: string): Promise<Record<string, string>> {
  const violated = new Set<string>();
  addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
    violated.add(effectiveDirective);
  });
  const image = document.createElement("img");
  image.src = `${url}/image`;
  const frame = document.createElement("iframe");
  frame.src = `${url}/frame`;
  document.body.append(image, frame);
  let script = "loaded";
  try {
    document.createElement("script").src = `${url}/script`;
  } catch {
    script = "refused"; // by Trusted Types, before the policy is asked
  }
  await new Promise((resolve) => setTimeout(resolve, 2000));
  image.remove();
  frame.remove();
  const whether = (directive: string) => (violated.has(directive) ? "refused" : "loaded");
  return { img: whether("img-src"), script, iframe: whether("frame-src") };
}

/** Runs in the page: tries every way to run text as script, each of which must fail. */
async function tryScripts(): Promise<Record<string, string>> {
  const scope = globalThis as unknown as Record<string, unknown>;
  const thrown = (action: () => unknown): string => {
    try {
      action();
      return "run";
    } catch (error) {
      return (error as Error).name;
    }
  };
  const settled = () => new Promise((resolve) => setTimeout(resolve, 300));
  const whether = (name: string) => (name in scope ? "run" : "not run");
  // Playwright's evaluate may use eval; a callback of a timer may not.
  const inTimer = (action: () => unknown) =>
    new Promise<string>((resolve) =>
      setTimeout(() => {
        resolve(thrown(action));
      }, 0),
    );
  const tried: Record<string, string> = {
    eval: await inTimer(() => (0, eval)("1") as unknown),
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- must be refused
    function: await inTimer(() => new Function("return 1")),
  };
  await inTimer(() => (setTimeout as (code: string) => unknown)("globalThis.byTimer = 1"));
  await settled();
  tried["timer"] = whether("byTimer");
  await inTimer(() => {
    const script = document.createElement("script");
    script.append("globalThis.byInline = 1");
    document.body.append(script);
    script.remove();
  });
  tried["inline"] = whether("byInline");
  await inTimer(() => {
    const button = document.createElement("button");
    button.setAttribute("onclick", "globalThis.byHandler = 1");
    button.click();
  });
  tried["handler"] = whether("byHandler");
  await inTimer(() => {
    const link = document.createElement("a");
    link.href = "javascript:globalThis.byUrl = 1";
    link.click();
  });
  await settled();
  tried["url"] = whether("byUrl");
  tried["markup"] = await inTimer(() => (document.createElement("p").innerHTML = "<b>x</b>"));
  tried["worker"] = await inTimer(() => new Worker("https://example.com/worker.js"));
  return tried;
}

/** Runs in a worker. */
function tryEval(): Promise<string> {
  return new Promise((resolve) =>
    setTimeout(() => {
      try {
        (0, eval)("1");
        resolve("run");
      } catch (error) {
        resolve((error as Error).name);
      }
    }, 0),
  );
}

/**
 * The golden GGUF file with markup as its name and licence. Each grows by a multiple of the
 * alignment, so that the offsets stay valid.
 */
function ggufNamed(): MadeFile {
  const renamed = [
    ["Tiny Llama", "name"],
    ["apache-2.0", "licence"],
  ].reduce<Buffer>((file, [text = "", mark = ""]) => {
    const value = markup(mark);
    const length = text.length + Math.ceil(value.length / 32) * 32;
    const at = file.indexOf(text);
    const header = Buffer.alloc(8);
    header.writeBigUInt64LE(BigInt(length));
    return Buffer.concat([
      file.subarray(0, at - 8),
      header,
      Buffer.from(value.padEnd(length, "~")),
      file.subarray(at + text.length),
    ]);
  }, readFileSync(tinyGguf));
  return madeFile("named.gguf", renamed);
}
