// proto
import { beforeAll, expect, test } from "vitest";
import { setUpBrowser, Tab } from "./tab.ts";

beforeAll(setUpBrowser);

test("x", async () => {
  const tab = new Tab("a");
  let t = performance.now();
  const lap = (what: string) => { console.log(what, performance.now() - t); t = performance.now(); };
  await tab.loadDemo(); lap("load");
  const done = tab.untilDone();
  await tab.start(); lap("start");
  await done; lap("done");
  console.log(tab.events.map((e) => JSON.stringify(e).slice(0, 200)).join("\n"));
  expect(1).toBe(1);
});
