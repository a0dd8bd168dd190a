// Computes the logits of an exported adapter with page-logits.ts, in a real page on WebGPU.
import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { inSourcePage } from "../../tools/support/source-page.ts";
import type { LogitsRequest, PromptLogits } from "./page-logits.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** @param adapterFolder a folder inside the repository */
export async function browserLogits(
  adapterFolder: string,
  prompts: string[],
): Promise<PromptLogits[]> {
  const request: LogitsRequest = {
    demo: "/demo/",
    adapter: `/${relative(root, adapterFolder).split(sep).join("/")}/`,
    prompts,
  };
  return await inSourcePage("/tests/interop/page-logits.ts", "promptLogits", request);
}
