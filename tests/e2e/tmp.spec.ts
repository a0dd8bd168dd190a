import { test, expect, start, stepsOf } from "./story.ts";
test("times", async ({ visit }) => {
  const t0 = Date.now();
  const { page, events } = await visit();
  console.log("open", Date.now() - t0);
  let n = 0;
  const timer = setInterval(() => { for (; n < events.all.length; n++) console.log(Date.now() - t0, JSON.stringify(events.all[n]).slice(0, 200)); }, 50);
  await start(page);
  await events.waitForEnd();
  clearInterval(timer);
  console.log(Date.now() - t0, stepsOf(events));
});
