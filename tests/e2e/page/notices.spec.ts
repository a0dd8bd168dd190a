// The page comes with the licences of what it is built from.
import { readFileSync } from "node:fs";
import { expect, siteUrl, test } from "../support/story.ts";

test("the licence of every package that the page is built from is served beside it", async ({
  request,
}) => {
  const path = new URL("../../../package.json", import.meta.url);
  const { dependencies } = JSON.parse(readFileSync(path, "utf8")) as {
    dependencies: Record<string, string>;
  };
  const response = await request.get(`${siteUrl()}third-party-licenses.txt`);
  expect(response.ok()).toBe(true);
  const text = await response.text();
  // Dependencies of the page and of its workers, and what they depend on.
  const packages = Object.entries(dependencies).map(([name, version]) => `${name} ${version} (`);
  for (const named of [...packages, "svelte ", "hysnappy ", "seedrandom "]) {
    expect(text).toContain(`\n${named}`);
  }
});
