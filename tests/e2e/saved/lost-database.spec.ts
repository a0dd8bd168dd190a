// A deleted database: the page reports the data loss instead of an empty list.
import { expect, start, test } from "../support/story.ts";

test("a deleted database is reported as a data loss until it is dismissed", async ({ visit }) => {
  const { page, events } = await visit();
  await start(page);
  await events.waitForEnd();
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await expect(page.getByText(/^Saved runs and their data use/)).toBeVisible();
  await page.goto("about:blank");
  await page.goBack();
  const cleared = page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase("anneal");
        request.onsuccess = () => {
          resolve(null);
        };
        request.onerror = () => {
          reject(new Error("not deleted"));
        };
      }),
  );
  await cleared;
  await page.reload();
  const notice = page.getByRole("alert").filter({ hasText: "database" });
  await expect(notice).toContainText("up to step 6 is gone");
  await page.getByRole("button", { name: "Dismiss" }).click();
  await expect(notice).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole("button", { name: /^Train the demo/ })).toBeEnabled();
  await expect(notice).toHaveCount(0);
});
