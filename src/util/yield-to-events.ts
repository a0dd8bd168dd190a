// Yields to the event loop so that waiting messages are handled. On a CPU backend every await
// resolves in a microtask, so a loop without it would never receive "pause".

/** Resolves after the messages that have arrived so far are handled. */
export async function yieldToEvents(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  await new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(null);
  });
  port1.close();
}
