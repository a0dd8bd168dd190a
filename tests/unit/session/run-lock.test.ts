// This browser's one run between two tabs: whoever can go on with none of it lets the other have
// it.
import { beforeEach, expect, test } from "vitest";
import { RunLock } from "../../../src/session/run-lock.ts";
import { setUpBrowser, Tab } from "./world/tab.ts";

setUpBrowser();

let databases = 0;
let tab: Tab;
let other: Tab;

beforeEach(async () => {
  Tab.closeAll();
  const name = `two tabs ${databases++}`;
  [tab, other] = [new Tab(name), new Tab(name)];
  await tab.loadTiny();
  const done = tab.untilPhase("done");
  await tab.start({ maxSteps: 2 });
  await done;
}, 60_000);

/** Starts in the other tab, which fails where this one has the run. */
async function expectFreeForOther(): Promise<void> {
  await other.loadTiny();
  const done = other.untilPhase("done");
  await other.start({ maxSteps: 1 });
  await done;
}

test("a complete run that is opened again does not block another tab", async () => {
  const [newest] = await tab.session.saved.list();
  const { step, totalSteps } = await tab.session.restore({ key: newest!.key });
  expect(step).toBe(totalSteps);
  await expectFreeForOther();
});

test("a run that cannot be opened after a take-over does not block another tab", async () => {
  await tab.session.takeOver();
  await expect(tab.session.restore({ key: "gone" })).rejects.toMatchObject({
    code: "bad-checkpoint",
  });
  await expectFreeForOther();
});

test("a start that fails does not block another tab", async () => {
  await expect(tab.start({}, { adapter: [] })).rejects.toMatchObject({ code: "no-adapter" });
  await expectFreeForOther();
});

test("a lock that another tab took over is acquired again before the next write", async () => {
  const reasons: unknown[] = [];
  const hold = new RunLock((reason) => reasons.push(reason));
  const thief = new RunLock(() => undefined);
  await hold.acquire();
  await thief.acquire({ takeOver: true });
  expect(reasons).toMatchObject([{ code: "other-tab" }]);
  await expect(hold.acquire()).rejects.toMatchObject({ code: "other-tab" });
  thief.release();
  await new Promise((resolve) => setTimeout(resolve));
  await hold.acquire();
  expect(await hold.write(() => Promise.resolve(1))).toBe(1);
});
