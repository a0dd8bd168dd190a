// Calls beside the run: prompts before, between and after its steps, and what is refused at the
// wrong time.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { allTargetModules } from "../../../src/recipe/options.ts";
import { defaultRecipe, demoRecipe } from "../../../src/recipe/recipe.ts";
import { setUpBrowser, shortRecipe, Tab, tinyData, tinyFiles } from "./world/tab.ts";
import { makeWholeRun, tinyRecipe as recipe, type WholeRun } from "./world/whole-run.ts";

setUpBrowser();

const prompting = {
  requestId: 1,
  prompt: "sun",
  useAdapter: true,
  maxNewTokens: 6,
  temperature: 0,
};

let databases = 0;
let tab: Tab;
let whole: WholeRun;

beforeAll(async () => {
  whole = await makeWholeRun();
}, 60_000);

beforeEach(async () => {
  Tab.closeAll();
  tab = new Tab(`calls ${databases++}`);
  await tab.loadTiny();
});

describe("a prompt", () => {
  const answerOf = async (given: Partial<typeof prompting> = {}) =>
    await tab.session.generate({ ...prompting, ...given });

  test("a prompt is answered token by token, between two steps of an active run, with its step", async () => {
    const done = tab.untilPhase("done");
    let answer: ReturnType<typeof answerOf> | undefined;
    tab.withinStep(2, () => {
      answer = answerOf();
    });
    await tab.start(recipe);
    await done;
    const { text, step } = await answer!;
    expect(step).toBe(2);
    const tokens = tab.eventsOf("token");
    expect(tokens.map((token) => token.text).join("")).toBe(text);
    expect(tokens.every(({ requestId }) => requestId === 1)).toBe(true);
    const order = tab.events.flatMap((event) => {
      const word = event.kind === "step" ? `step ${event.entry.step}` : event.kind;
      return word === "token" || word.startsWith("step") ? [word] : [];
    });
    expect([...new Set(order)]).toEqual([
      "step 1",
      "step 2",
      "token",
      "step 3",
      "step 4",
      "step 5",
    ]);
    expect(tab.losses()).toEqual(whole.losses);
  });

  test("a prompt is answered by the adapter or the base model, and before a run only by the base model", async () => {
    const base = await answerOf({ useAdapter: false });
    await expect(answerOf()).rejects.toMatchObject({ code: "no-adapter" });
    const done = tab.untilPhase("done");
    await tab.start({ maxSteps: 3, learningRate: 0.5, targetModules: [...allTargetModules] });
    await done;
    expect(base.step).toBe(0);
    expect(await answerOf({ useAdapter: false })).toEqual(base);
    const adapted = await answerOf();
    expect(adapted.step).toBe(3);
    expect(adapted.text).not.toBe(base.text);
  });

  test("a prompt longer than the context is refused with both numbers", async () => {
    await expect(answerOf({ useAdapter: false, prompt: "x ".repeat(64) })).rejects.toMatchObject({
      code: "too-long",
      message: expect.stringMatching(/has \d+ tokens; the model reads 1 to 63/) as string,
    });
  });

  test("a cancelled prompt rejects with an AbortError, and the run continues", async () => {
    const paused = tab.untilPhase("paused");
    tab.withinStep(1, () => void tab.session.pause());
    await tab.start(recipe);
    await paused;
    tab.within(
      (event) => event.kind === "token",
      () => tab.session.cancelGenerate({ requestId: 1 }),
    );
    await expect(answerOf({ maxNewTokens: 40 })).rejects.toMatchObject({ name: "AbortError" });
    const done = tab.untilPhase("done");
    await tab.session.resume();
    await done;
    expect(tab.losses()).toEqual(whole.losses);
  });
});

describe("refused calls", () => {
  const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;

  test("calls that change a run's inputs are refused as busy while any tab has an active run", async () => {
    const other = new Tab("another");
    await other.loadTiny();
    const done = tab.untilPhase("done");
    await tab.start(recipe);
    await expect(tab.loadFiles(tinyFiles())).rejects.toThrow(code("busy"));
    await expect(tab.loadFile(tinyData)).rejects.toThrow(code("busy"));
    await expect(tab.start()).rejects.toThrow(code("busy"));
    await expect(tab.session.resume()).rejects.toThrow(code("busy"));
    await expect(tab.session.inputs.chooseEngine({ engine: "tfjs" })).rejects.toThrow(code("busy"));
    await expect(tab.session.restore({ key: "any" })).rejects.toThrow(code("busy"));
    await expect(other.start()).rejects.toThrow(/another tab/);
    await done;
    const otherDone = other.untilPhase("done");
    await other.start({ maxSteps: 1 });
    await otherDone;
    expect(tab.losses()).toEqual(whole.losses);
  });

  test("calls that need a run, a model or data are refused before there is one", async () => {
    const empty = new Tab("empty");
    const { session } = empty;
    for (const call of [() => session.pause(), () => session.resume(), () => session.stop()]) {
      await expect(call()).rejects.toThrow(code("no-adapter"));
    }
    const { adapters } = await session.exports();
    await expect(adapters.list({ key: null })).rejects.toThrow(code("no-adapter"));
    const given = { recipe: shortRecipe, adapter: null, samplePrompt: "" };
    await expect(session.start(given)).rejects.toThrow(code("missing-file"));
    await empty.loadFiles(tinyFiles());
    await expect(session.start(given)).rejects.toThrow(code("empty-data"));
    await expect(session.inputs.plan({ recipe: shortRecipe })).rejects.toThrow(code("empty-data"));
    expect(session.save()).toBeNull();
  });

  test("a load that is cancelled leaves the data loaded before", async () => {
    const rows = (await tab.session.inputs.plan({ recipe: shortRecipe })).trainRows;
    const loading = tab.session.inputs.loadData({ source: { kind: "demo" } });
    tab.session.inputs.cancelLoad();
    await expect(loading).rejects.toMatchObject({ name: "AbortError" });
    expect((await tab.session.inputs.plan({ recipe: shortRecipe })).trainRows).toBe(rows);
  });

  test("the compiled engine is refused without WebGPU, and the reference engine stays", async () => {
    await expect(tab.session.inputs.chooseEngine({ engine: "webgpu" })).rejects.toThrow(
      /needs WebGPU/,
    );
    expect((await tab.open()).device.engine).toBe("tfjs");
    expect(await tab.session.inputs.chooseEngine({ engine: "tfjs" })).toMatchObject({
      engine: "tfjs",
    });
    expect(tab.eventsOf("device")).toHaveLength(2);
  });

  test("a hub address is looked up on the chosen mirror, and a wrong address is refused", async () => {
    const look = (endpoint: string) => {
      const name = "https://mirror.example/hub/org/small";
      const source = { kind: "hub", name, endpoint, token: null } as const;
      return tab.session.inputs.lookUpModel({ source, recipe: shortRecipe });
    };
    await expect(look("https://mirror.example/hub")).rejects.toMatchObject({ code: "network" });
    await expect(look("no address")).rejects.toMatchObject({
      code: "bad-model-name",
      message: expect.stringContaining("not on huggingface.co") as string,
    });
  });

  test("a recipe file that is neither JSON nor YAML is refused by the file's name", async () => {
    const read = (name: string) =>
      tab.session.inputs.readRecipe({ file: new File(["rank: [4"], name) });
    await expect(read("recipe.json")).rejects.toMatchObject({
      code: "bad-recipe",
      where: "recipe.json",
      message: expect.stringContaining("not JSON (") as string,
    });
    await expect(read("recipe.yaml")).rejects.toMatchObject({
      where: "recipe.yaml",
      message: expect.stringContaining("neither JSON nor YAML") as string,
    });
  });
});

describe("a recipe file", () => {
  const readFile = (text: string, name: string) =>
    tab.session.inputs.readRecipe({ file: new File([text], name) });
  const read = async (recipe: object) =>
    (await readFile(JSON.stringify(recipe), "recipe.json")).recipe;

  test("a recipe file is read over the recipe that the page chooses for model and data", async () => {
    await tab.loadDemo();
    expect(await read({ rank: 3 })).toEqual({ ...demoRecipe, rank: 3 });
    await tab.loadFile(tinyData);
    const { Balanced } = await tab.session.inputs.presets({ recipe: defaultRecipe });
    expect(Balanced).toMatchObject({ maxSteps: 0, template: "auto", maxLength: 64 });
    expect(await read({ rank: 3 })).toEqual({ ...Balanced, rank: 3 });
    tab = new Tab(`calls ${databases++}`);
    expect(await read({ rank: 3 })).toEqual({ ...defaultRecipe, rank: 3 });
  });

  test("epochs in a recipe file count, also where the page would choose a number of steps", async () => {
    await tab.loadDemo();
    expect(await read({ epochs: 3 })).toEqual({ ...demoRecipe, epochs: 3, maxSteps: 0 });
    expect(await read({ epochs: 3, maxSteps: 5 })).toMatchObject({ epochs: 3, maxSteps: 5 });
  });

  test("a recipe file is read although the rows cannot be tokenised without it", async () => {
    await tab.loadFiles(tinyFiles({ "tokenizer_config.json": "{}" }));
    const chat = {
      messages: [
        { role: "user", content: "a" },
        { role: "assistant", content: "b" },
      ],
    };
    await tab.loadFile(new File([JSON.stringify(chat)], "chats.jsonl"));
    await expect(tab.session.inputs.presets({ recipe: defaultRecipe })).rejects.toThrow();
    expect((await read({ rank: 3 })).rank).toBe(3);
  });

  test("a recipe file in the words of another tool is read over it too", async () => {
    await tab.loadDemo();
    const yaml = "lora_parameters: {rank: 3, scale: 2}\niters: 9";
    const { recipe, report } = await readFile(yaml, "mlx.yaml");
    expect(recipe).toEqual({ ...demoRecipe, rank: 3, alpha: 6, maxSteps: 9 });
    expect(report).toMatchObject({ tool: "mlx-lm", read: 3 });
  });
});
