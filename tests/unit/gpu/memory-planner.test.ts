// Where tensors lie: never two in one place at a time, aligned, within arenas that any device can
// make, and close together.
import { describe, expect, test } from "vitest";
import { designRun, type DesignOptions } from "../../../src/engine/webgpu/design.ts";
import { planMemory, type MemoryLayout } from "../../../src/gpu/memory-planner.ts";
import { lent, persistent, scratch, type Program, type Tensor } from "../../../src/gpu/plan.ts";
import { weightShapes } from "../../../src/model/weights/store.ts";
import { readSizes, sevenModules } from "../engine/webgpu/models.ts";
import { lifetimesOf, peakBytes, randomProgram, using } from "./programs.ts";

/** Pairs of one program that are alive together and share bytes, found by looking at every pair. */
function collisions(program: Program, { places }: MemoryLayout): string[] {
  const entries = [...lifetimesOf(program)].map(([tensor, [first, last]]) => {
    const { arena, offsetBytes } = places.get(tensor)!;
    return { tensor, first, last, arena, offsetBytes, end: offsetBytes + tensor.sizeBytes };
  });
  return entries.flatMap((a, index) =>
    entries
      .slice(index + 1)
      .filter((b) => a.first <= b.last && b.first <= a.last)
      .filter((b) => a.arena === b.arena && a.offsetBytes < b.end && b.offsetBytes < a.end)
      .map((b) => `${a.tensor.label} and ${b.tensor.label}`),
  );
}

const sizesOf = (programs: readonly Program[]) =>
  programs.flatMap((program) => [...lifetimesOf(program).keys()].map(({ sizeBytes }) => sizeBytes));
const roundedUp = (bytes: number) => Math.ceil(bytes / 256) * 256;

/** b is made from a, c from b: a is gone by then. */
function chain(sizes: readonly [number, number, number]): { program: Program; tensors: Tensor[] } {
  const tensors = sizes.map((size, index) => scratch("abc"[index] ?? "", size));
  const [a, b, c] = tensors as [Tensor, Tensor, Tensor];
  const dispatches = [
    using(["out", a]),
    using(["in", a], ["out", b]),
    using(["in", b], ["out", c]),
  ];
  return { program: { name: "chain", dispatches }, tensors };
}

describe("a small memory plan:", () => {
  test("a tensor of a memory plan reuses the bytes of one that is no longer needed", () => {
    const { program, tensors } = chain([64, 64, 64]);
    const { arenas, places, totalBytes } = planMemory([program]);
    const offsets = tensors.map((tensor) => places.get(tensor)?.offsetBytes);
    expect(offsets).toEqual([0, 256, 0]);
    expect(arenas).toEqual([512]);
    expect(totalBytes).toBe(512);
  });

  test("a tensor that does not fit under the cap is placed in the next arena", () => {
    const { program, tensors } = chain([128, 128, 128]);
    const { arenas, places } = planMemory([program], 512);
    expect(tensors.map((tensor) => places.get(tensor)?.arena)).toEqual([0, 1, 0]);
    expect(arenas).toEqual([512, 512]);
  });

  test("a tensor above the cap has an arena of its size, which smaller ones reuse later", () => {
    const { program, tensors } = chain([1000, 64, 900]);
    const { arenas, places } = planMemory([program], 512);
    expect(tensors.map((tensor) => places.get(tensor)?.arena)).toEqual([0, 1, 0]);
    expect(arenas).toEqual([4096, 256]);
  });

  test("programs share arenas, each as large as the program that needs most", () => {
    const [small, large] = [chain([64, 64, 64]), chain([64, 640, 64])];
    const { arenas, places } = planMemory([small.program, large.program]);
    expect(arenas).toEqual([640 * 4 + 256]);
    expect(places.size).toBe(6);
  });

  test("a persistent tensor has its own buffer, shared by all programs", () => {
    const weight = persistent("weight", 3);
    const programs = [1, 2].map((n): Program => {
      const y = scratch(`y${n}`, 4);
      return { name: "", dispatches: [using(["constant", weight], ["out", y])] };
    });
    const { buffers, places, totalBytes } = planMemory(programs);
    expect(buffers).toEqual([weight]);
    expect(places.has(weight)).toBe(false);
    expect(totalBytes).toBe(256 + 256);
  });

  test("another arena cap gives another layout of the same program", () => {
    const { program } = chain([128, 128, 128]);
    expect(planMemory([program], 512).arenas).toEqual([512, 512]);
    expect(planMemory([program]).arenas).toEqual([1024]);
    expect(planMemory([program], 512).arenas).toEqual([512, 512]);
  });
});

describe("refused programs", () => {
  const [x, y] = [scratch("x", 4), scratch("y", 4)];
  const plan = (...dispatches: Program["dispatches"]) => planMemory([{ name: "p", dispatches }]);

  test.each(["in", "inout"] as const)(
    "a program that uses a tensor (%s) before it is written is refused",
    (use) => {
      expect(() => plan(using([use, x], ["out", y]), using(["out", x]))).toThrow(
        "p: made-up uses x before it is written",
      );
    },
  );

  test("a program that binds an arena's tensor read-only next to others of its buffer is refused", () => {
    expect(() => plan(using(["out", x]), using(["constant", x], ["out", y]))).toThrow(
      "p: made-up binds x read-only",
    );
  });

  test("a program that writes a tensor of another program is refused", () => {
    const program = (name: string): Program => ({ name, dispatches: [using(["out", x])] });
    expect(() => planMemory([program("one"), program("two")])).toThrow("x is in two programs");
  });
});

describe.each(Array.from({ length: 30 }, (_, seed) => seed))(
  "tensors of random programs, seed %i,",
  (seed) => {
    const programs = [
      randomProgram(seed, 40 + seed * 5, 2000),
      randomProgram(seed + 100, 60, 4000),
      randomProgram(seed + 200, 5, 100),
    ];
    const cap = 4096 * (1 + (seed % 5));
    const layout = planMemory(programs, cap);

    test("tensors of one program never share a byte while both are in use", () => {
      expect(programs.flatMap((program) => collisions(program, layout))).toEqual([]);
    });

    test("tensors are aligned within arenas, which exceed the cap for a single tensor only", () => {
      const ends = [...layout.places].map(([{ sizeBytes }, { arena, offsetBytes }]) => {
        expect(offsetBytes % 256).toBe(0);
        return { arena, end: offsetBytes + roundedUp(sizeBytes) };
      });
      const large = sizesOf(programs).map(roundedUp);
      layout.arenas.forEach((bytes, arena) => {
        const used = ends.filter((end) => end.arena === arena).map(({ end }) => end);
        expect(bytes).toBe(Math.max(...used));
        expect(bytes <= cap || large.includes(bytes)).toBe(true);
      });
    });

    test("tensors have the same places when planned again", () => {
      const again = planMemory(
        programs.map(({ name, dispatches }) => ({ name, dispatches })),
        cap,
      );
      expect([...again.places.values()]).toEqual([...layout.places.values()]);
      expect(again.arenas).toEqual(layout.arenas);
    });
  },
);

test("the search for shared bytes finds a deliberate collision", () => {
  const { program, tensors } = chain([64, 64, 64]);
  const layout = planMemory([program]);
  const places = new Map(tensors.map((tensor) => [tensor, { arena: 0, offsetBytes: 0 }]));
  expect(collisions(program, { ...layout, places })).toEqual(["a and b", "b and c"]);
});

describe("the memory plan of a training pass", () => {
  const lora = { rank: 16, alpha: 16, dropout: 0, targetModules: sevenModules };
  const small: DesignOptions = {
    config: readSizes("smollm2-135m"),
    lora,
    shape: { rows: 1, length: 1024 },
    weightShapes: weightShapes(readSizes("smollm2-135m"), { format: "f16" }),
  };
  const large: DesignOptions = {
    config: readSizes("llama-3.1-8b"),
    lora,
    shape: { rows: 1, length: 512 },
    weightShapes: weightShapes(readSizes("llama-3.1-8b"), { format: "q4", groupSize: 64 }),
  };

  test.each([
    ["SmolLM2-135M, no layer kept", small, 0],
    ["SmolLM2-135M, half of them kept", small, 15],
    ["SmolLM2-135M, all kept", small, 30],
    ["Llama-3.1-8B, no layer kept", large, 0],
    ["Llama-3.1-8B, all kept", large, 32],
  ])("the memory plan of %s loses at most a hundredth to gaps", (_, options, keptLayers) => {
    const { training } = designRun(options, { rowsPerPass: 1, keptLayers });
    const { arenas } = planMemory([training]);
    const planned = arenas.reduce((sum, bytes) => sum + bytes, 0);
    const least = peakBytes(training);
    expect(planned).toBeGreaterThanOrEqual(least);
    expect(planned).toBeLessThanOrEqual(1.01 * least);
  });
});

describe("tensors that are lent", () => {
  /** Reads and writes the caches, with a tensor of its own before and after. */
  function borrower(caches: readonly Tensor[], elements: number): Program {
    const [x, y] = [scratch("x", elements), scratch("y", elements)];
    const between = caches.map((cache) => using(["inout", cache], ["in", x]));
    return {
      name: `borrower of ${caches.length}`,
      dispatches: [using(["out", x]), ...between, using(["in", x], ["out", y])],
    };
  }
  const caches = [lent("keys", 100), lent("values", 100)];
  const lender = chain([400, 64, 300]).program;
  const borrowers = [borrower(caches, 64), borrower(caches, 32)];

  test("tensors that are lent lie in the arenas of other programs, which do not grow", () => {
    const { arenas, buffers } = planMemory([lender, ...borrowers]);
    expect(arenas).toEqual(planMemory([lender]).arenas);
    expect(arenas).toEqual([1792 + 256]);
    expect(buffers).toEqual([]);
  });

  test("tensors that are lent make an arena where other programs need less", () => {
    expect(planMemory(borrowers).arenas).toEqual([2 * 512 + 2 * 256]);
  });

  test("a borrower's own tensors never share a byte with what is lent, not even before its first use", () => {
    const { places } = planMemory([lender, ...borrowers]);
    const endOf = (tensor: Tensor) => places.get(tensor)!.offsetBytes + tensor.sizeBytes;
    expect(caches.map((cache) => places.get(cache))).toEqual([
      { arena: 0, offsetBytes: 0 },
      { arena: 0, offsetBytes: 512 },
    ]);
    for (const program of borrowers) {
      for (const tensor of lifetimesOf(program).keys()) {
        expect(places.get(tensor)!.offsetBytes).toBeGreaterThanOrEqual(endOf(caches[1]!));
      }
    }
  });

  test("programs that borrow different tensors are refused: they could not hand them on", () => {
    const other = borrower([caches[1]!, caches[0]!], 64);
    expect(() => planMemory([borrowers[0]!, lender, other])).toThrow("uses other lent tensors");
    expect(() => planMemory([borrowers[0]!, borrower([caches[0]!], 8)])).toThrow(
      "borrower of 1 uses other lent tensors",
    );
  });
});
