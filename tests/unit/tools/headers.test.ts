// The headers of docs/hosting.md are those that npm start sends, for each server.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { headersWith, localHeaders } from "../../../tools/support/headers.ts";

const docs = readFileSync(new URL("../../../docs/hosting.md", import.meta.url), "utf8");

test.each([
  ["nginx", (name: string, value: string) => `  add_header ${name} "${value}" always;`],
  ["Caddy", (name: string, value: string) => `\t\t${name} "${value}"`],
  ["Netlify", (name: string, value: string) => `  ${name}: ${value}`],
])("the docs give %s every header, and no other", (server, lineOf) => {
  const [, block = ""] = /```\w*\n(.*?)```/s.exec(docs.slice(docs.indexOf(`## ${server}`))) ?? [];
  const lines = Object.entries(headersWith([])).map(([name, value]) => lineOf(name, value));
  expect(block.split("\n").filter((line) => /[A-Z]\w+-\w+/.test(line))).toEqual(lines);
});

test("the docs say why for every header", () => {
  for (const [name, value] of Object.entries(headersWith([]))) {
    expect(docs).toContain(`| \`${name}: ${value}\``);
  }
});

test("a server on this machine lets pages of this machine frame it, and no others", () => {
  const { "Content-Security-Policy": policy, ...others } = localHeaders;
  expect(policy).toBe("frame-ancestors 'self' http://localhost:* http://127.0.0.1:*");
  expect(headersWith([])).toEqual({
    ...others,
    "Content-Security-Policy": "frame-ancestors 'self'",
  });
});
