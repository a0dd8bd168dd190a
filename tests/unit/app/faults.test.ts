// The check before a start: which faults are said, in which words, and what their buttons do.
import { describe, expect, test } from "vitest";
import { faultsOf, type CheckedSetup } from "../../../src/app/state/set-up/faults.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import type { DataInfo, ModelInfo, PageReport, RunPlan } from "../../../src/session/protocol.ts";

const none = { count: 0, rows: [] };
const report: PageReport = {
  lengths: { binTokens: 1, counts: [], longest: 40 },
  ...{ cut: none, left: [], notices: [], repeated: none, inBoth: none },
  ...{ contradictory: none, alike: none, overContext: 0 },
  leavable: { repeated: 0, inBoth: 0, contradictory: 0, alike: 0 },
  ...{ isSwapped: false, isPrefixPreserving: null, hasSeveralAnswers: false },
};
const columns = { prompt: "Frage", completion: "Antwort" };
const data = {
  heldOutRows: null,
  reading: { reading: { shape: "completion", columns, pattern: null, system: null } },
} as unknown as DataInfo;

function faults(
  given: Omit<Partial<CheckedSetup>, "report" | "plan"> & {
    report?: Partial<PageReport>;
    plan?: Partial<RunPlan>;
  },
) {
  const recipe = { ...defaultRecipe, maxLength: 64 };
  const model = { parameters: 1.35e8, contextLength: 2048 } as ModelInfo;
  const plan = { trainRows: 100, totalSteps: 100, epochs: 2, ...given.plan } as RunPlan;
  return faultsOf({
    ...{ recipe, model, data, canReadOtherwise: true, ...given },
    ...{ plan, report: { ...report, ...given.report } },
  });
}
const listOf = (count: number) => ({ count, rows: [] });

test("a set-up without a fault has nothing to mend", () => {
  expect(faults({})).toEqual([]);
});

describe("rows that are cut", () => {
  const cut = listOf(12);
  const changesOf = (given: Parameters<typeof faults>[0]) => faults(given).map(({ mend }) => mend);

  test("the button raises max length to the longest row", () => {
    const lengths = { ...report.lengths, longest: 2000 };
    expect(faults({ report: { cut, lengths } })).toEqual([
      {
        name: "cut",
        sentence: "12 rows are cut at 64 tokens.",
        mend: {
          label: "Max length 2,048: none cut",
          action: { kind: "recipe", changes: { maxLength: 2048 } },
        },
      },
    ]);
  });

  test("rows beyond the model's context stay cut, and the button says how many", () => {
    const lengths = { ...report.lengths, longest: 5000 };
    expect(changesOf({ report: { cut, lengths, overContext: 3 } })).toEqual([
      {
        label: "Max length 2,048: 3 cut",
        action: { kind: "recipe", changes: { maxLength: 2048 } },
      },
    ]);
    const recipe = { ...defaultRecipe, maxLength: 2048 };
    expect(changesOf({ recipe, report: { cut, lengths, overContext: 12 } })).toEqual([null]);
  });

  test("rows that are cut before their answer are counted with the others", () => {
    const left = [{ name: "cut", count: 2, rows: [] }];
    const [fault] = faults({ report: { cut: listOf(1), left } });
    expect(fault?.sentence).toBe("3 rows are cut at 64 tokens, 2 of them before their answer.");
  });
});

describe("few rows", () => {
  test("a run of few steps gets the epochs of sixty steps", () => {
    const [fault] = faults({ plan: { trainRows: 10, totalSteps: 6, epochs: 2 } });
    expect(fault).toMatchObject({
      name: "few",
      mend: { label: "Train 20 epochs", action: { changes: { epochs: 20, maxSteps: 0 } } },
    });
  });

  test("a run of sixty steps or of fifty epochs gets no more", () => {
    expect(faults({ plan: { trainRows: 10, totalSteps: 60, epochs: 20 } })[0]?.mend).toBeNull();
    expect(faults({ plan: { trainRows: 1, totalSteps: 50, epochs: 50 } })[0]?.mend).toBeNull();
  });
});

test("columns are swapped where prompt and answer are two columns and no more", () => {
  const swapped = { prompt: "Antwort", completion: "Frage" };
  expect(faults({ report: { isSwapped: true } })[0]?.mend?.action).toMatchObject({
    kind: "reading",
    reading: { shape: "completion", columns: swapped },
  });
  expect(faults({ report: { isSwapped: true }, canReadOtherwise: false })[0]?.mend).toBeNull();
});

test("what leaving rows out does is said for held-out files and for a drawn split", () => {
  const leavable = { ...report.leavable, inBoth: 4 };
  const inBoth = listOf(3);
  const labelOf = (heldOutRows: number | null) =>
    faults({ data: { ...data, heldOutRows }, report: { inBoth, leavable } })[0]?.mend?.label;
  expect(labelOf(6)).toBe("Leave 4 out of training");
  expect(labelOf(null)).toBe("Keep one of each");
});

test("a model of a million parameters is too small for data of one's own", () => {
  const model = { parameters: 9.2e5, contextLength: 256 } as ModelInfo;
  expect(faults({ model }).map(({ name }) => name)).toEqual(["model"]);
});
