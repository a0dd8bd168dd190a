// The checkpoint file: nothing is lost on the way, and nothing incomplete or altered comes through.
import { describe, expect, test } from "vitest";
import { decodeCheckpoint, encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import { currentSchema } from "../../../src/checkpoint/file/migrate.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { encodeSafetensors, type TensorData } from "../../../src/formats/safetensors-write.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openSafetensors } from "../../../src/formats/safetensors.ts";
import { UserError } from "../../../src/util/errors.ts";
import { bitsOf, exampleRun } from "./example-run.ts";

const fileName = "checkpoint-20.safetensors";

async function opened(run = exampleRun()) {
  const file = await openSafetensors(blobSource(new Blob([encodeCheckpoint(run)]), fileName));
  const tensors: TensorData[] = [];
  for (const { name, dtype, shape } of file.tensors.values()) {
    tensors.push({ name, dtype, shape, data: await file.readBytes(name) });
  }
  return { metadata: Object.fromEntries(file.metadata), tensors };
}

function decode(tensors: TensorData[], metadata: Record<string, string>): Promise<RunState> {
  return decodeCheckpoint(new Blob([encodeSafetensors(tensors, metadata)]), fileName);
}

async function faultOf(promise: Promise<unknown>): Promise<UserError> {
  const error: unknown = await promise.then(
    () => new Error("nothing was thrown"),
    (reason: unknown) => reason,
  );
  if (error instanceof UserError) {
    return error;
  }
  throw error;
}

/** Replaces a field deep in one of the JSON strings; undefined removes it. */
function edited(metadata: Record<string, string>, path: string, value: unknown) {
  const [root = "", ...rest] = path.split(".");
  const tree = { [root]: JSON.parse(metadata[root]!) as unknown };
  const key = rest.pop() ?? root;
  const parents = rest.length > 0 || key !== root ? [root, ...rest] : [];
  const parent = parents.reduce<object>((node, part) => Reflect.get(node, part) as object, tree);
  if (value === undefined) {
    Reflect.deleteProperty(parent, key);
  } else {
    Reflect.set(parent, key, value);
  }
  return { ...metadata, [root]: JSON.stringify(tree[root]) };
}

describe("round trip", () => {
  test("a round trip keeps every field, every bit and the engine's order of tensors", async () => {
    const run = exampleRun();
    const decoded = await decodeCheckpoint(new Blob([encodeCheckpoint(run)]), fileName);
    expect(decoded).toEqual(run);
    for (const [i, tensor] of run.adapter.tensors.entries()) {
      const copy = decoded.adapter.tensors[i]!;
      expect(copy.name).toBe(tensor.name);
      for (const part of ["values", "moment1", "moment2"] as const) {
        expect(bitsOf(copy[part])).toEqual(bitsOf(tensor[part]));
      }
    }
  });

  test("the same run is always encoded to the same bytes", () => {
    expect(encodeCheckpoint(exampleRun())).toEqual(encodeCheckpoint(exampleRun()));
  });

  test("a run before its first step survives a round trip", async () => {
    const run = exampleRun();
    run.trainer = { ...run.trainer, step: 0, best: null, log: [], cursor: { epoch: 0, row: 0 } };
    expect(await decodeCheckpoint(new Blob([encodeCheckpoint(run)]), fileName)).toEqual(run);
  });

  test("the moments have PyTorch's names", async () => {
    const { tensors } = await opened();
    const name = "base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight";
    const names = tensors.map((tensor) => tensor.name);
    expect(names).toHaveLength(12);
    expect(names).toContain(name);
    expect(names).toContain(`optimizer.exp_avg.${name}`);
    expect(names).toContain(`optimizer.exp_avg_sq.${name}`);
  });
});

describe("encodeCheckpoint", () => {
  test.each(["values", "moment1", "moment2"] as const)(
    "encodeCheckpoint refuses a NaN or infinity in %s",
    (part) => {
      for (const wrong of [NaN, Infinity, -Infinity]) {
        const run = exampleRun();
        run.adapter.tensors[2]![part][3] = wrong;
        expect(() => encodeCheckpoint(run)).toThrow(
          expect.objectContaining({ code: "non-finite-loss" }),
        );
      }
    },
  );

  test("encodeCheckpoint refuses a NaN in the log", () => {
    const run = exampleRun();
    run.trainer.log[1]!.gradNorm = NaN;
    expect(() => encodeCheckpoint(run)).toThrow(/metadata.trainer.*gradNorm.*NaN/);
  });

  test("encodeCheckpoint refuses moments of another size, duplicate names and an empty adapter", () => {
    const [first, ...others] = exampleRun().adapter.tensors;
    const withTensors = (tensors: RunState["adapter"]["tensors"]) => () =>
      encodeCheckpoint({ ...exampleRun(), adapter: { tensors } });
    expect(withTensors([{ ...first!, moment1: new Float32Array(0) }, ...others])).toThrow(
      /0 values/,
    );
    expect(withTensors([first!, first!])).toThrow();
    expect(withTensors([])).toThrow();
  });

  test("encodeCheckpoint refuses a run that decodeCheckpoint would refuse", () => {
    const run = exampleRun();
    run.trainer.step = 1.5;
    expect(() => encodeCheckpoint(run)).toThrow(
      expect.objectContaining({ code: "bad-checkpoint" }),
    );
  });
});

describe("decodeCheckpoint", () => {
  test("decodeCheckpoint refuses each missing part of the metadata by its name", async () => {
    const { metadata, tensors } = await opened();
    for (const key of Object.keys(metadata)) {
      const rest = Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== key));
      const fault = await faultOf(decode(tensors, rest));
      expect(fault.code).toBe("bad-checkpoint");
      expect(fault.message).toContain(`metadata.${key}`);
    }
  });

  test("decodeCheckpoint refuses each missing field by its path", async () => {
    const { metadata, tensors } = await opened();
    const optional = /^trainer\.log\.\d+\.(?!step|epoch)/;
    const paths = Object.entries(metadata)
      .filter(([name]) => name !== "format" && name !== "schema" && name !== "tensors")
      .flatMap(([name, json]) => pathsIn(JSON.parse(json), name))
      .filter((path) => !optional.test(path));
    expect(paths.length).toBeGreaterThan(50);
    for (const path of paths) {
      const fault = await faultOf(decode(tensors, edited(metadata, path, undefined)));
      expect([path, fault.code]).toEqual([path, "bad-checkpoint"]);
      expect(fault.message).toContain(path.split(".").at(-1));
    }
  });

  test.each([
    ["run.id", 5],
    ["run.startedAt", -1],
    ["run.startedAt", "1"],
    ["run.more", 1],
    ["recipe.rank", 0],
    ["recipe.rank", "8"],
    ["recipe.schedule", "sine"],
    ["recipe.more", 1],
    ["recipe", []],
    ["trainer.step", 21],
    ["trainer.step", 20.5],
    ["trainer.step", null],
    ["trainer.totalSteps", 19],
    ["trainer.tokensSeen", 1e300],
    ["trainer.best.heldOutLoss", null],
    ["trainer.best.step", 30],
    ["trainer.log", {}],
    ["trainer.log.0.step", -1],
    ["trainer.log.0.loss", null],
    ["trainer.log.0.extra", 1],
    ["trainer.log.1.step", 21],
    ["random.seed", 8],
    ["random.step", 19],
    ["data.identity.sha256", "B".repeat(64)],
    ["data.identity.heldOutLines.0", 0],
    ["data.cursor.row", -1],
    ["data.cursor", null],
    ["base.revision", 1],
    ["base.indexSha256", "abc"],
    ["base.hubName", "own model"],
    ["base.hubName", 5],
    ["tensors", []],
    ["tensors.0", "other"],
    ["tensors.1", "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"],
  ])("decodeCheckpoint refuses %s = %j", async (path, value) => {
    const { metadata, tensors } = await opened();
    const fault = await faultOf(decode(tensors, edited(metadata, path, value)));
    expect(fault.code).toBe("bad-checkpoint");
    expect(fault.message).toContain(fileName);
  });

  test("decodeCheckpoint refuses metadata that is not JSON, foreign or too much", async () => {
    const { metadata, tensors } = await opened();
    for (const wrong of [
      { ...metadata, trainer: "{" },
      { ...metadata, recipe: "null" },
      { ...metadata, format: "pt" },
      { ...metadata, more: "{}" },
      {},
    ]) {
      expect((await faultOf(decode(tensors, wrong))).code).toBe("bad-checkpoint");
    }
  });

  test("decodeCheckpoint refuses a newer schema and names the reason", async () => {
    const { metadata, tensors } = await opened();
    const fault = await faultOf(
      decode(tensors, { ...metadata, schema: String(currentSchema + 1) }),
    );
    expect(fault.code).toBe("bad-checkpoint");
    expect(fault.message).toContain("made by a newer version of Anneal");
    for (const schema of ["0", "1.0", "-1", "", "x", "9999999"]) {
      expect((await faultOf(decode(tensors, { ...metadata, schema }))).code).toBe("bad-checkpoint");
    }
  });

  test("decodeCheckpoint refuses a wrong or missing recipe of schema 1 by its path", async () => {
    const { metadata, tensors } = await opened();
    for (const recipe of ["{", "null", "[]", "{}", '{"rank":0}']) {
      const fault = await faultOf(decode(tensors, { ...metadata, schema: "1", recipe }));
      expect(fault.code).toBe("bad-checkpoint");
      expect(fault.message).toContain("metadata.recipe");
    }
    const older = { ...metadata, schema: "1" };
    Reflect.deleteProperty(older, "recipe");
    expect((await faultOf(decode(tensors, older))).message).toContain("metadata.recipe");
  });

  test("decodeCheckpoint refuses each missing tensor and an extra one", async () => {
    const { metadata, tensors } = await opened();
    for (const missing of tensors) {
      const fault = await faultOf(
        decode(
          tensors.filter((tensor) => tensor !== missing),
          metadata,
        ),
      );
      expect(fault.code).toBe("bad-checkpoint");
      expect(fault.message).toContain(missing.name);
    }
    const extra = { ...tensors[0]!, name: "extra" };
    expect((await faultOf(decode([...tensors, extra], metadata))).message).toContain('"extra"');
  });

  test("decodeCheckpoint refuses a tensor of another shape or dtype or with a NaN", async () => {
    const { metadata, tensors } = await opened();
    const [first, ...others] = tensors;
    const size = first!.data.byteLength / 4;
    const wrong: Partial<TensorData>[] = [
      { shape: [size] },
      { shape: [1, size] },
      { dtype: "I32" },
      { data: new Float32Array(size).fill(NaN) },
    ];
    for (const change of wrong) {
      const fault = await faultOf(decode([{ ...first!, ...change }, ...others], metadata));
      expect(fault.code).toBe("bad-checkpoint");
      expect(fault.message).toContain(first!.name);
    }
  });

  test("decodeCheckpoint refuses a file cut at any byte", async () => {
    const bytes = encodeCheckpoint(exampleRun());
    for (let length = 0; length < bytes.length; length += 97) {
      await expect(
        decodeCheckpoint(new Blob([bytes.subarray(0, length)]), fileName),
      ).rejects.toThrow(UserError);
    }
  });

  test("decodeCheckpoint stops when its signal aborts", async () => {
    const blob = new Blob([encodeCheckpoint(exampleRun())]);
    await expect(decodeCheckpoint(blob, fileName, AbortSignal.abort())).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});

function pathsIn(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) {
    return [];
  }
  const isList = Array.isArray(value);
  return Object.entries(value).flatMap(([key, item]) => [
    ...(isList ? [] : [`${path}.${key}`]),
    ...pathsIn(item, `${path}.${key}`),
  ]);
}
