// A stream becomes a Blob, or fails with its own error.
import { expect, test } from "vitest";
import { blobOfStream } from "../../../src/util/blob-of-stream.ts";

test("blobOfStream holds all bytes of the stream", async () => {
  const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
  const blob = await blobOfStream(new Blob([bytes]).stream());
  expect(new Uint8Array(await blob.arrayBuffer())).toEqual(bytes);
});

test("blobOfStream fails with the error of the stream", async () => {
  const reason = new Error("a piece is damaged");
  const failing = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Uint8Array.of(1));
    },
    pull(controller) {
      controller.error(reason);
    },
  });
  await expect(blobOfStream(failing)).rejects.toBe(reason);
});
