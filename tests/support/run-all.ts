// `npm test`: runs unit tests, GPU tests and stories in turn, then prints one line with the totals.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findBrowser } from "../../tools/support/browser.ts";

interface Counts {
  passed: number;
  failed: number;
}

interface Runner {
  name: string;
  /** Script and arguments for Node. */
  command: string[];
  /** Environment variables that set the path of the report. */
  env?: Record<string, string>;
  /** Reads that report. */
  count: (report: unknown) => Counts;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "anneal-tests-"));
process.env["CHROMIUM_PATH"] = findBrowser();

const all = [vitest("unit"), vitest("gpu"), playwright()].map(run);
rmSync(folder, { recursive: true });

const passed = all.reduce((sum, counts) => sum + counts.passed, 0);
const failed = all.reduce((sum, counts) => sum + counts.failed, 0);
process.exitCode = failed > 0 ? 1 : 0;
console.log(`${passed} passed, ${failed} failed`);

function vitest(project: string): Runner {
  return {
    name: project,
    command: [
      join(root, "node_modules/vitest/vitest.mjs"),
      ...["run", "--project", project, "--reporter=default", "--reporter=json"],
      `--outputFile.json=${reportOf(project)}`,
    ],
    count: (report) => {
      const { numPassedTests, numFailedTests } = report as Record<string, number>;
      return { passed: numPassedTests ?? 0, failed: numFailedTests ?? 0 };
    },
  };
}

function playwright(): Runner {
  return {
    name: "e2e",
    command: [
      join(root, "node_modules/@playwright/test/cli.js"),
      ...["test", "--reporter=list,json"],
    ],
    env: { PLAYWRIGHT_JSON_OUTPUT_FILE: reportOf("e2e") },
    count: (report) => {
      const { expected, flaky, unexpected } = (report as { stats: Record<string, number> }).stats;
      return { passed: (expected ?? 0) + (flaky ?? 0), failed: unexpected ?? 0 };
    },
  };
}

function run({ name, command, env, count }: Runner): Counts {
  console.log(`\n--- ${name}`);
  const { status } = spawnSync(process.execPath, command, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  const path = reportOf(name);
  const counts = existsSync(path)
    ? count(JSON.parse(readFileSync(path, "utf8")))
    : { passed: 0, failed: 0 };
  // A file or a runner that fails to load has no failed test, but fails.
  return status === 0 ? counts : { ...counts, failed: Math.max(counts.failed, 1) };
}

function reportOf(name: string): string {
  return join(folder, `${name}.json`);
}
