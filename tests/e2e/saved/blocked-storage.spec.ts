// A browser that blocks site data: the page says what it cannot do.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onProcessor } from "../support/faults.ts";
import { expect, test } from "../support/story.ts";

test("a page with blocked site data opens and says what does not work", async ({
  profile,
  visit,
}) => {
  const blocked = { profile: { default_content_setting_values: { cookies: 2 } } };
  mkdirSync(join(profile, "Default"));
  writeFileSync(join(profile, "Default", "Preferences"), JSON.stringify(blocked));
  const { page } = await visit({ browserArguments: onProcessor });
  await expect(page.evaluate(() => localStorage.length)).rejects.toThrow(/SecurityError/);
  const run = page.getByRole("region", { name: "Run", exact: true });
  await expect(run.getByRole("alert")).toContainText("The engine did not start.");
  await expect(run.getByRole("alert")).toContainText("The browser blocks site data");
  await expect(run.getByRole("alert")).toContainText("Allow site data for this page and reload");
  await page.getByText("Token and mirror").click();
  await page.getByLabel("Hub address").fill("https://mirror.example");
  await page.getByRole("button", { name: "Use", exact: true }).click();
  await expect(page.getByText("Allow site data, then try again.")).toBeVisible();
});
