// A stream as a Blob, which browsers keep on the disk where it is large.

/** @throws the stream's own error; `Response` alone would say "Failed to fetch" */
export async function blobOfStream(stream: ReadableStream<Uint8Array>): Promise<Blob> {
  const reader = stream.getReader();
  const failure: { reason: unknown }[] = [];
  const watched = new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await reader.read();
        if (done) {
          controller.close();
        } else {
          controller.enqueue(value);
        }
      } catch (reason) {
        failure.push({ reason });
        controller.error(reason);
      }
    },
  });
  try {
    return await new Response(watched).blob();
  } catch (error) {
    throw failure[0]?.reason ?? error;
  }
}
