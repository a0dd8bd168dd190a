// What a visitor fetches before anything shows, and before a model is opened.
import { fileURLToPath } from "node:url";
import { sizesOf } from "../../../tools/build/sizes.ts";
import { expect, test } from "../support/story.ts";

test("the first look at the page takes at most 60 kB as gzip, its worker 110 kB until a model is opened", () => {
  const { pageBytes, workerBytes } = sizesOf(
    fileURLToPath(new URL("../../../dist", import.meta.url)),
  );
  expect(pageBytes).toBeLessThanOrEqual(60_000);
  expect(workerBytes).toBeLessThanOrEqual(110_000);
});
