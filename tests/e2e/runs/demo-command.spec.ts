// The demo command: its files, and the page's sentence with exit code 1 where the page refuses.
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "../support/story.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** One whole command with its own browser; refusals end within seconds. */
const timeoutMs = 120_000;

interface End {
  code: number | string | null | undefined;
  stderr: string;
}

function demo(folder: string, ...options: string[]): Promise<End> {
  const script = ["--import", "tsx", "tools/demo/run.ts", "--built", "--out", join(folder, "out")];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...script, ...options],
      { cwd: root, timeout: timeoutMs },
      (error, _, stderr) => {
        resolve({ code: error === null ? 0 : error.code, stderr });
      },
    );
  });
}

test("the demo command ends at once with the page's sentence when an adapter is refused", async ({
  profile,
}) => {
  const adapter = join(profile, "adapter");
  mkdirSync(adapter, { recursive: true });
  writeFileSync(join(adapter, "adapter_config.json"), '{"peft_type": "LORA"}');
  const { code, stderr } = await demo(profile, "--adapter", adapter);
  expect(code).toBe(1);
  expect(stderr).toContain("adapter_model.safetensors");
  expect(stderr).not.toContain("at async");

  const dora = await demo(profile, "--adapter", join(root, "tests/golden/adapters/peft/dora"));
  expect(dora.code).toBe(1);
  expect(dora.stderr).toContain("use_dora is true, which adds magnitude vectors");
});

test("the demo command writes the adapter in the format that it is told", async ({ profile }) => {
  const { code, stderr } = await demo(profile, "--steps", "1", "--format", "mlx");
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const zip = readFileSync(join(profile, "out", "adapter-mlx.zip"));
  expect(zip.includes("adapters.safetensors")).toBe(true);
});

test("the demo command ends at once with the page's sentence when data are refused", async ({
  profile,
}) => {
  mkdirSync(profile, { recursive: true });
  const data = join(profile, "data.jsonl");
  writeFileSync(data, "\n\n");
  const { code, stderr } = await demo(profile, "--data", data);
  expect(code).toBe(1);
  expect(stderr).toContain("There are no rows.");
});

test("the demo command says that a profile has no saved run to resume", async ({ profile }) => {
  const { code, stderr } = await demo(profile, "--resume", "--profile", join(profile, "browser"));
  expect(code).toBe(1);
  expect(stderr).toContain("has no saved run to resume");
});
