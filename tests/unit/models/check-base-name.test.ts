// A name is asked of the hub: is it there, and has its config the sizes of the model here?
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { parseModelConfig } from "../../../src/model/config/parse.ts";
import { checkBaseName } from "../../../src/models/check-base-name.ts";
import { repoOf, textFile } from "../../support/hub-repo.ts";
import { openHubServer, type HubServer } from "../../support/hub-server.ts";
import { tinyConfig } from "../model/tiny-model.ts";
import { never, quick } from "../sources/hub.ts";

let server: HubServer;
const config = JSON.stringify(tinyConfig);

beforeAll(async () => {
  server = await openHubServer();
});
afterAll(() => server.close());

beforeEach(() => {
  const repo = (text: string, isGated = false) =>
    repoOf({ "config.json": textFile(text) }, { gated: isGated ? "manual" : false });
  server.repos.clear();
  server.repos.set("org/same", repo(config));
  server.repos.set("org/wide", repo(JSON.stringify({ ...tinyConfig, hidden_size: 16 })));
  server.repos.set("org/foreign", repo('{"architectures": ["MambaForCausalLM"]}'));
  server.repos.set("org/files-GGUF", repoOf({ "a.gguf": textFile("GGUF") }));
  server.repos.set("org/gated", repo(config, true));
  server.requests.length = 0;
});

const check = (name: string, here = parseModelConfig(config)) =>
  checkBaseName(name, here, { endpoint: server.endpoint, retryLimits: quick }, never);

test("a name whose config has the same sizes agrees, with the sizes in words", async () => {
  const same = await check(`${server.endpoint}/org/same`);
  expect(same).toMatchObject({ name: "org/same", agrees: true });
  expect(same.words).toMatch(/^org\/same is on the Hub and has these sizes: \d+ layers, hidden/);
});

test("a name whose config has other sizes does not agree, and both sizes are told", async () => {
  const { agrees, words } = await check("org/wide");
  expect(agrees).toBe(false);
  expect(words).toMatch(/^org\/wide is another model: .*hidden size 16,.*This one: .*size 8,/);
});

test.each(["org/foreign", "org/files-GGUF", "org/gated"])(
  "%s is on the hub, and cannot be compared",
  async (name) => {
    expect(await check(name)).toEqual({
      name,
      agrees: null,
      words: `${name} is on the Hub; its sizes cannot be compared.`,
    });
  },
);

test("without a model here a name is only looked for", async () => {
  const options = { endpoint: server.endpoint, retryLimits: quick };
  expect((await checkBaseName("org/same", null, options, never)).agrees).toBe(null);
});

test.each([
  ["a name that the hub does not show", "org/none", "access-denied"],
  ["a name with a revision", "org/same@main", "bad-model-name"],
  ["a name with a file", "org/files-GGUF/a.gguf", "bad-model-name"],
  ["a title", "Smollm2 135M", "bad-model-name"],
])("%s is refused", async (_, name, code) => {
  await expect(check(name)).rejects.toMatchObject({ code });
});

test("nothing but the name is sent", async () => {
  await check("org/same");
  expect(server.requests.length).toBeGreaterThan(0);
  for (const { url, method } of server.requests) {
    expect(`${method} ${url}`).toMatch(/^GET \/(api\/models\/)?org\/same/);
  }
});
