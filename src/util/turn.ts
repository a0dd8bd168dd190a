// Lets waiting calls in. On a processor backend every await is answered at once, so a loop would
// not hear "pause".

/** Resolves once the messages that have come by now are taken. */
export async function turn(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  await new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(null);
  });
  port1.close();
}
