// The demo's model as a person's own folder, which scripts load by its path.
import { openAsBlob, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openModel } from "../../../src/model/open.ts";
import type { LoadedModel } from "../../../src/models/loaded-model.ts";
import { fileSetOf } from "../../../src/sources/files.ts";

export const demo = fileURLToPath(new URL("../../../public/demo/", import.meta.url));

export async function demoModel(): Promise<LoadedModel> {
  const folder = join(demo, "model");
  const picked = await Promise.all(
    readdirSync(folder).map(async (name) => ({
      path: `model/${name}`,
      file: new File([await openAsBlob(join(folder, name))], name),
    })),
  );
  const opened = await openModel(fileSetOf(picked));
  const facts = { source: "files", revision: null, hubName: folder, format: "stored" } as const;
  return { ...opened, ...facts, conversionError: null };
}
