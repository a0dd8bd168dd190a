// Runs checks.ts; llama.cpp itself is loaded by Node.
import { inVite } from "../in-vite.ts";
import type { Sums } from "../python.ts";
import type { checkLlamaCpp } from "./checks.ts";
import { LlamaCpp } from "./runtime.ts";

/** @param out an empty folder @returns how many checks passed and failed */
export async function checkInLlamaCpp(out: string): Promise<Sums> {
  const llama = await LlamaCpp.open();
  try {
    return await inVite(
      "/tests/interop/llama-cpp/checks.ts",
      async (checks: { checkLlamaCpp: typeof checkLlamaCpp }) =>
        await checks.checkLlamaCpp(out, llama),
    );
  } finally {
    await llama.dispose();
  }
}
