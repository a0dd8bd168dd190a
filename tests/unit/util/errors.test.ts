// Errors on their way from the worker to the page: as plain data, with their place said once.
import { describe, expect, test } from "vitest";
import { invariant, unreachable } from "../../../src/util/assert.ts";
import { fromPlain, toPlain, UserError } from "../../../src/util/errors.ts";

const remedy = "Choose another.";

describe("a UserError", () => {
  test("a UserError begins its message with its place", () => {
    const error = new UserError("bad-row", "It is broken.", { where: "a.jsonl, line 4", remedy });
    expect(error.message).toBe("a.jsonl, line 4: It is broken.");
    expect(error).toMatchObject({ name: "UserError", where: "a.jsonl, line 4", remedy });
    expect(new UserError("busy", "A run is in progress.", { remedy }).where).toBeUndefined();
  });

  test.each([{ where: "model.safetensors", remedy }, { remedy }])(
    "a UserError is unchanged by a message port: %j",
    (context) => {
      const error = new UserError("wrong-shape", "It is [1, 2].", {
        ...context,
        cause: new Error(),
      });
      const back = fromPlain(structuredClone(toPlain(error)));
      expect(back).toBeInstanceOf(UserError);
      expect(toPlain(back)).toEqual(toPlain(error));
      expect(back.message).toBe(error.message);
    },
  );

  test("a UserError keeps its cause, and has none when none was given", () => {
    const cause = new Error("deep");
    expect(new UserError("quota", "Full.", { remedy, cause }).cause).toBe(cause);
    expect(new UserError("quota", "Full.", { remedy })).not.toHaveProperty("cause");
  });
});

describe("thrown values as plain data", () => {
  test("an abort becomes plain data with the code aborted", () => {
    expect(toPlain(AbortSignal.abort().reason)).toMatchObject({ code: "aborted" });
  });

  test.each([[new TypeError("x is undefined")], ["x is undefined"]])(
    "the thrown value %s becomes plain data with the code unexpected",
    (thrown) => {
      expect(toPlain(thrown)).toMatchObject({ code: "unexpected", message: "x is undefined" });
    },
  );
});

test("a broken invariant and an unhandled case are plain errors, not UserErrors", () => {
  const caught = (action: () => void): unknown => {
    try {
      action();
    } catch (error) {
      return error;
    }
    return null;
  };
  const broken = caught(() => {
    invariant(Number.isNaN(0), "zero is a number");
  });
  expect(broken).toMatchObject({ message: "Broken invariant: zero is a number" });
  expect(broken).not.toBeInstanceOf(UserError);
  expect(caught(() => unreachable("tea" as never))).toMatchObject({
    message: 'Unhandled case: "tea"',
  });
  expect(
    caught(() => {
      invariant(true, "holds");
    }),
  ).toBeNull();
});
