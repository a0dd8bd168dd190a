// `npm run bench:time`: the time that the page says a run will take, beside the time that it takes,
// on data of five shapes. Options: --only NAME (one shape)  --rounds N (3; medians are compared)
// --show (the window, on this GPU).
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Page } from "playwright";
import type { Recipe } from "../../src/recipe/recipe.ts";
import { browserArguments, firstPage, openBrowser } from "../support/browser.ts";
import { choose, EventLog, waitUntilBegun } from "../support/page.ts";
import { openSite } from "../support/site.ts";
import { table, today } from "./report.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string", default: "3" },
    show: { type: "boolean", default: false },
  },
});

interface Shape {
  name: string;
  rows: number;
  /** Words of the answer to a row. */
  words: (row: number) => number;
  recipe: Partial<Recipe>;
}

/** Steps for about half a minute on a software GPU. */
const shapes: Shape[] = [
  { name: "short rows", rows: 300, words: () => 3, recipe: { maxSteps: 40 } },
  { name: "long rows", rows: 100, words: () => 100, recipe: { maxSteps: 8 } },
  {
    name: "mixed lengths",
    rows: 200,
    words: (row) => 2 + ((row * 37) % 97),
    recipe: { maxSteps: 4 },
  },
  {
    name: "packed",
    rows: 300,
    words: (row) => 2 + ((row * 7) % 20),
    recipe: { packing: true, maxLength: 256, maxSteps: 4 },
  },
  {
    name: "accumulated",
    rows: 400,
    words: () => 8,
    recipe: { batchSize: 2, gradientAccumulationSteps: 8, maxSteps: 8 },
  },
];

const words = "the sea is deep and a ship can sail far away with the wind over it".split(" ");
const jsonl = ({ rows, words: count }: Shape) =>
  Array.from({ length: rows }, (_, row) => {
    const answer = Array.from({ length: count(row) }, (_, at) => words[(row + at) % words.length]);
    return JSON.stringify({ prompt: `What is ${row}?`, completion: ` ${answer.join(" ")}.` });
  }).join("\n");

interface Timed {
  longestRow: string;
  saidSeconds: number;
  takenSeconds: number;
}

const site = await openSite({ rebuild: true });
const folder = mkdtempSync(join(tmpdir(), "anneal-time-"));
const args = values.show
  ? browserArguments.filter((argument) => !argument.startsWith("--use-webgpu-adapter"))
  : [...browserArguments];
try {
  const wanted = shapes.filter(({ name }) => (values.only ?? name) === name);
  const rounds = new Map(wanted.map((shape): [Shape, Timed[]] => [shape, []]));
  // Round by round: other work on the machine comes and goes.
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const [shape, timed] of rounds) {
      const one = await timeRun(shape);
      timed.push(one);
      console.log(round, shape.name, JSON.stringify(one));
    }
  }
  console.log(table(`Time of a run, ${today()}`, [...rounds].map(rowOf)));
} finally {
  await site.close();
  rmSync(folder, { recursive: true });
}

function rowOf([{ name, recipe }, timed]: [Shape, Timed[]]): object {
  const said = medianOf(timed.map(({ saidSeconds }) => saidSeconds));
  const taken = medianOf(timed.map(({ takenSeconds }) => takenSeconds));
  return {
    data: name,
    "longest row": timed[0]?.longestRow ?? "",
    steps: recipe.maxSteps ?? 0,
    "said s": said.toFixed(1),
    "taken s": taken.toFixed(1),
    "said / taken": (said / taken).toFixed(2),
  };
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** In a browser of its own, which has measured nothing before. */
async function timeRun(shape: Shape): Promise<Timed> {
  const profile = mkdtempSync(join(folder, "profile-"));
  const context = await openBrowser(profile, { headless: !values.show, args });
  try {
    const page = await firstPage(context);
    page.setDefaultTimeout(120_000);
    const events = await EventLog.attach(page);
    await page.goto(site.url);
    return await timeIn(page, events, shape);
  } finally {
    await context.close();
  }
}

async function timeIn(page: Page, events: EventLog, shape: Shape): Promise<Timed> {
  const data = join(folder, "own.jsonl");
  writeFileSync(data, jsonl(shape));
  await choose(page, { data, recipe: shape.recipe });
  const time = page.getByRole("region", { name: "Recipe", exact: true }).locator("time");
  const said = (await time.getAttribute("datetime")) ?? "";
  const facts = await page.getByRole("region", { name: "Data", exact: true }).innerText();
  await page.getByLabel("Sample prompt").fill("");
  const startedAt = performance.now();
  await page.getByRole("button", { name: "Start training" }).click();
  await waitUntilBegun(page, events);
  await events.waitForEnd();
  return {
    longestRow: /longest row ([\d,]+)/.exec(facts)?.[1] ?? "",
    saidSeconds: Number(/^PT([\d.]+)S$/.exec(said)?.[1]),
    takenSeconds: (performance.now() - startedAt) / 1000,
  };
}
