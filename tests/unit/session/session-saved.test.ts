// Taking a saved run up again: only with the model and the data that it was trained on.
import { beforeEach, describe, expect, test } from "vitest";
import { encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import { tensorFile, tinyTensors } from "../model/tiny-model.ts";
import { setUpBrowser, Tab, tinyData, tinyFiles } from "./world/tab.ts";
import { newestOf } from "./world/whole-run.ts";

setUpBrowser();

let databases = 0;
let tab: Tab;

beforeEach(async () => {
  Tab.closeAll();
  tab = new Tab(`saved ${databases++}`);
  await tab.loadTiny();
});

describe("a saved run", () => {
  async function saveOne(): Promise<string> {
    const done = tab.untilPhase("done");
    await tab.start({ maxSteps: 1 });
    await done;
    return (await tab.session.saved.list())[0]!.key;
  }
  const refusal = (code: string, where: string) => ({ code, where });

  test("a saved run is refused without its model and with another, and opened with its own", async () => {
    const key = await saveOne();
    Tab.closeAll();
    const next = new Tab(`saved ${databases - 1}`);
    const { session } = next;
    const wrongModel = refusal("wrong-base-model", "tiny");
    await expect(session.restore({ key })).rejects.toMatchObject(wrongModel);
    const other = tinyTensors().map((tensor) =>
      tensor.name === "model.norm.weight"
        ? { ...tensor, data: new Float32Array(8).fill(1) }
        : tensor,
    );
    const files = tinyFiles({ "model.safetensors": tensorFile(other) });
    await next.loadFiles(files);
    await expect(session.restore({ key })).rejects.toMatchObject(wrongModel);
    await next.loadFiles(tinyFiles());
    expect(await session.restore({ key })).toMatchObject({ step: 1 });
  });

  test("an imported run is refused without its data and with other data, and opened with its own", async () => {
    const { blob, name } = await tab.session.saved.download({ key: await saveOne() });
    Tab.closeAll();
    const next = new Tab(`saved elsewhere ${databases}`);
    const { session } = next;
    await next.loadFiles(tinyFiles());
    const { key } = await session.saved.import({ file: new File([blob], name) });
    const wrongData = refusal("wrong-data", "tiny.jsonl");
    await expect(session.restore({ key })).rejects.toMatchObject(wrongData);
    const other = new File([`${await tinyData.text()}\n`], "tiny.jsonl");
    await next.loadFile(other);
    await expect(session.restore({ key })).rejects.toMatchObject(wrongData);
    await next.loadFile(tinyData);
    expect(await session.restore({ key })).toMatchObject({ step: 1 });
  });

  test("a saved run whose adapter does not match its recipe is refused", async () => {
    await saveOne();
    const [newest] = await tab.session.saved.list();
    const run = await newestOf(tab, newest!.runId);
    run.recipe = { ...run.recipe, targetModules: ["k_proj"] };
    const file = new File([encodeCheckpoint(run)], "other.safetensors");
    const { key } = await tab.session.saved.import({ file });
    await expect(tab.session.restore({ key })).rejects.toMatchObject({ code: "wrong-shape" });
  });

  test("a run that held out other rows of its data is refused, for its place in them means others", async () => {
    await tab.loadFile(new File([`${await tinyData.text()}\n`.repeat(3)], "tiny.jsonl"));
    await saveOne();
    const [newest] = await tab.session.saved.list();
    const run = await newestOf(tab, newest!.runId);
    const [first = 0, ...others] = run.data.heldOutLines;
    expect(first).toBeGreaterThan(0);
    const otherLine = Array.from({ length: run.data.rows }, (_, index) => index + 1).find(
      (line) => !run.data.heldOutLines.includes(line),
    );
    run.data = { ...run.data, heldOutLines: [otherLine ?? 0, ...others] };
    const file = new File([encodeCheckpoint(run)], "other.safetensors");
    const { key } = await tab.session.saved.import({ file });
    await expect(tab.session.restore({ key })).rejects.toMatchObject({
      code: "wrong-data",
      remedy: "Export its adapter, and start a new run from that adapter.",
    });
  });

  test("a saved run that was deleted is refused", async () => {
    const key = await saveOne();
    await tab.session.saved.delete({ key });
    await expect(tab.session.restore({ key })).rejects.toMatchObject({ code: "bad-checkpoint" });
  });
});
