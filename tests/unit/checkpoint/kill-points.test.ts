// The points at which the fault tests kill the browser are in the build for those tests and in no
// other.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";

const source = new URL("../../../src/checkpoint/", import.meta.url);

async function namesOf(): Promise<string[]> {
  const text = await readFile(new URL("database/kill-points.ts", source), "utf8");
  const union = /export type KillPoint =[^;]*;/.exec(text)?.[0] ?? "";
  return [...union.matchAll(/"([a-z-]+)"/g)].map(([, name]) => name!);
}

/** The store as Vite builds it, in one text. */
async function builtStore(mode: string): Promise<string> {
  const built = (await build({
    configFile: false,
    mode,
    logLevel: "error",
    build: {
      write: false,
      target: "es2023",
      lib: { entry: fileURLToPath(new URL("store.ts", source)), formats: ["es"] },
    },
  })) as Rolldown.RolldownOutput[];
  return built
    .flatMap(({ output }) => output)
    .map((file) => (file.type === "chunk" ? file.code : ""))
    .join("\n");
}

test("the shipped build contains no kill point, and the fault-test build contains all", async () => {
  const names = await namesOf();
  expect(names.length).toBeGreaterThan(15);
  const shipped = await builtStore("production");
  expect(shipped).toContain("safetensors");
  expect(names.filter((name) => shipped.includes(name))).toEqual([]);
  expect(shipped).not.toContain("annealKillPoint");
  const tested = await builtStore("faults");
  expect(names.filter((name) => !tested.includes(name))).toEqual([]);
});
