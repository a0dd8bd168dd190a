// The kept set-up: given back as it was chosen, whole after a kill at any operation, without a copy
// of what is too large.
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { LoadedModel } from "../../../../src/models/loaded-model.ts";
import { defaultRecipe } from "../../../../src/recipe/recipe.ts";
import type { DataFiles } from "../../../../src/run/events.ts";
import { SetUpKeeper, type SetUpChoices } from "../../../../src/run/set-up/set-up-keeper.ts";
import { SetUpStore } from "../../../../src/run/set-up/set-up-store.ts";
import { MemoryStorage } from "../../../support/storage.ts";
import { Locks } from "../../session/world/locks.ts";

const model = {
  source: "files",
  name: "own",
  indexSha256: "a".repeat(64),
  format: "q4/64",
} as unknown as LoadedModel;

let storage: MemoryStorage;

beforeEach(() => {
  storage = new MemoryStorage();
  vi.stubGlobal("navigator", { locks: new Locks() });
});

function keeper(loaded: LoadedModel | null = model, isStored = true): SetUpKeeper {
  return new SetUpKeeper({
    model: () => loaded,
    keyOf: ({ format }) => Promise.resolve(isStored ? `key of ${format}` : null),
    store: new SetUpStore(() => Promise.resolve(storage.root)),
  });
}

function fileOf(name: string, text: string): File {
  return new File([text], name, { lastModified: 1_700_000_000_000 });
}

function choices(text = "a;b\n1;2\n", given: Partial<SetUpChoices> = {}): SetUpChoices {
  const reading = {
    shape: "completion",
    columns: { prompt: "a", completion: "b" },
    pattern: null,
    system: "Be kind.",
  } as const;
  const files: DataFiles = {
    kind: "files",
    files: [{ path: "folder/shop.csv", file: fileOf("shop.csv", text) }],
    reading,
    tables: { "folder/shop.csv": { encoding: "windows-1252" } },
    acceptBadRows: true,
  };
  return {
    data: { files, edits: [{ file: 0, line: 2, row: null }] },
    recipe: { ...defaultRecipe, rank: 7 },
    samplePrompt: "Is it open?",
    adapter: [fileOf("adapter_config.json", "{}")],
    ...given,
  };
}

async function recalledText(): Promise<string | undefined> {
  const recalled = await keeper().recall();
  return await recalled?.data?.files[0]?.file.text();
}

describe("a kept set-up", () => {
  test("a set-up comes back as it was chosen: model, files, how they are read, edits, recipe, prompt and adapter", async () => {
    await keeper().keep(choices());
    const recalled = await keeper().recall();
    const { data, adapter, ...rest } = recalled!;
    expect(rest).toEqual({
      model: { kind: "kept", key: "key of q4/64" },
      recipe: { ...defaultRecipe, rank: 7 },
      samplePrompt: "Is it open?",
      lost: [],
    });
    const given = choices().data!;
    const { files, reading, tables, acceptBadRows } = given.files;
    const read = { reading, tables, acceptBadRows };
    expect(data).toMatchObject({ choices: read, edits: given.edits, wanted: [] });
    expect(data!.files.map(({ path }) => path)).toEqual(["folder/shop.csv"]);
    expect(data!.files[0]!.file).toMatchObject({
      name: "shop.csv",
      lastModified: files[0]!.file.lastModified,
    });
    expect(await data!.files[0]!.file.text()).toBe("a;b\n1;2\n");
    expect(await adapter![0]!.text()).toBe("{}");
  });

  test("the demo's model and data are kept as such, and nothing is recalled where nothing was kept", async () => {
    expect(await keeper().recall()).toBeNull();
    const demo = { ...model, source: "demo" } as LoadedModel;
    await keeper(demo).keep(choices("", { data: null, adapter: null }));
    expect(await keeper(demo).recall()).toMatchObject({
      model: { kind: "demo" },
      data: null,
      adapter: null,
      lost: [],
    });
  });

  test("a change of the recipe copies no file again, and another file replaces the one before", async () => {
    const tab = keeper();
    await tab.keep(choices());
    const filesBefore = storage.paths().filter((path) => path.includes("file-"));
    await tab.keep(choices("a;b\n1;2\n", { recipe: defaultRecipe }));
    expect(storage.paths().filter((path) => path.includes("file-"))).toEqual(filesBefore);
    await tab.keep(choices("another", { adapter: null }));
    expect(storage.paths()).toHaveLength(2);
    expect(await recalledText()).toBe("another");
  });

  test("a model that is no longer stored is named, and the rest comes back", async () => {
    await keeper().keep(choices());
    const recalled = await keeper(model, false).recall();
    expect(recalled).toMatchObject({
      model: null,
      recipe: { rank: 7 },
      lost: ["The model own is no longer stored: choose it again under 1."],
    });
    expect(recalled!.data!.files).toHaveLength(1);
  });

  test("data that are too large are not copied, and named with how they were read", async () => {
    const large = { name: "big.csv", size: 300 * 2 ** 20, lastModified: 5 } as File;
    const given = choices("", { adapter: null });
    given.data!.files.files = [{ path: "big.csv", file: large }];
    await keeper().keep(given);
    expect(storage.usedBytes).toBeLessThan(10_000);
    expect(await keeper().recall()).toMatchObject({
      data: {
        files: [],
        wanted: [{ path: "big.csv", sizeBytes: large.size }],
        choices: { acceptBadRows: true },
        edits: given.data!.edits,
      },
      lost: ["big.csv (315 MB) is not kept: choose it again under 2."],
    });
  });

  test("a full storage is told, and the set-up before stays", async () => {
    await keeper().keep(choices());
    storage.quotaBytes = storage.usedBytes + 500;
    await expect(keeper().keep(choices("x".repeat(10_000)))).rejects.toMatchObject({
      code: "quota",
    });
    expect(await recalledText()).toBe("a;b\n1;2\n");
  });

  test("a tab that ends at any operation leaves the set-up before or the new one, whole", async () => {
    await keeper().keep(choices("before"));
    const seen = new Set<string | undefined>();
    for (const after of ["kill", "power cut"] as const) {
      for (let operations = 1; ; operations++) {
        storage.operationsLeft = operations;
        const ended = await keeper()
          .keep(choices(`after ${after} ${operations}`))
          .then(() => false)
          .catch(() => true);
        storage.reopen(after);
        vi.stubGlobal("navigator", { locks: new Locks() }); // those of the ended tab are free
        const text = await recalledText();
        expect(text).toMatch(/^(before|after .*)$/);
        seen.add(text);
        if (!ended) {
          break;
        }
      }
    }
    expect(seen.size).toBeGreaterThan(2);
  });

  test("a damaged manifest counts as none", async () => {
    await keeper().keep(choices());
    const manifest = storage.paths().find((path) => path.endsWith(".json"))!;
    storage.bytesAt(manifest)[100]! ^= 1;
    expect(await keeper().recall()).toBeNull();
  });

  test("files that another tab has recalled stay until it is gone; a cleared set-up leaves nothing", async () => {
    await keeper().keep(choices("of both"));
    const other = keeper();
    const recalled = await other.recall();
    await keeper().keep(choices("of one", { adapter: null }));
    expect(await recalled!.data!.files[0]!.file.text()).toBe("of both");
    await other.clear();
    expect(storage.paths()).toEqual([]);
    expect(await keeper().recall()).toBeNull();
  });
});
