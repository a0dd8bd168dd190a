// A model whose chat template loops forever: the page says so, stays responsive and loads another
// model.
import { choose, madeFile, waitUntilReady } from "../../../tools/support/page.ts";
import { demoModel, jsonl } from "../support/made-files.ts";
import { expect, test } from "../support/story.ts";

const loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
const chats = jsonl(
  ["Is it open?", "Until when?", "And tomorrow?"].map((content) => ({
    messages: [
      { role: "user", content },
      { role: "assistant", content: "Yes." },
    ],
  })),
);

test("a chat template that loops forever is stopped, and another model then works", async ({
  visit,
}) => {
  const { page } = await visit();
  const setUp = page.getByRole("region", { name: "Set-up", exact: true });
  // Without the template the demo's rows can be trained.
  await choose(page, { recipe: { heldOutRows: 0, template: "raw" } });
  // The session's worker is loaded by now.
  const scripts: string[] = [];
  page.on("request", (request) => scripts.push(request.url()));
  const hostile = [...demoModel(), madeFile("chat_template.jinja", loop)];
  await page.getByLabel("Choose files", { exact: true }).setInputFiles(hostile);
  await waitUntilReady(page);
  await page.getByLabel("Choose a data file").setInputFiles(chats);
  // The page draws a frame while the template runs.
  const began = Date.now();
  await page.evaluate(() => new Promise(requestAnimationFrame));
  expect(Date.now() - began).toBeLessThan(2_000);
  await expect(setUp.getByRole("alert")).toContainText("chat_template");
  await expect(setUp.getByRole("alert")).toContainText("Choose raw as chat template");
  await expect(page.getByRole("button", { name: "Start training" })).toBeDisabled();
  // The template ran in a separate worker.
  expect(scripts.filter((url) => /\/worker-[^/]+\.js$/.test(url))).not.toEqual([]);

  await page.getByRole("button", { name: "Use the demo model" }).click();
  await waitUntilReady(page);
  await expect(setUp).toContainText("3 rows");
  await expect(setUp.getByRole("alert")).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Start training" })).toBeEnabled();
});
