// The ways in which a hub, a mirror or something before it misbehaves, each with what a person is
// told. The server is that of hub-server.ts; what it cannot do is done here.
import type { ServerResponse } from "node:http";
import type { Fault, RecordedRequest } from "./hub-response.ts";

/** Which request goes wrong: about the model, its list of files, or the bytes of a file. */
type Stage = "model" | "list" | "file";

export interface HostileWay {
  name: string;
  stage: Stage;
  /** Of each request of the stage; null for the usual answer. */
  fault: (request: RecordedRequest, count: number) => Fault | null;
  /** The error's code and words; null where the model opens all the same. */
  told: { code: string; words: RegExp } | null;
}

/** Which request it is; null for one that no way is about. */
export function stageOf({ url }: RecordedRequest): Stage | null {
  if (url.includes("/revision/")) {
    return "model";
  }
  if (url.includes("/tree/")) {
    return "list";
  }
  return url.includes("config.json") ? "file" : null;
}

const network = (words: RegExp) => ({ code: "network", words });
const json = (value: unknown): Fault => ({
  body: JSON.stringify(value),
  headers: { "Content-Type": "application/json" },
});
const entry = (fields: object) => [
  { type: "file", path: "config.json", size: 38, oid: "0".repeat(40), ...fields },
];
const linkTo = (link: string): Fault => ({
  ...json([]),
  headers: { Link: `<${link}>; rel="next"` },
});
/** Writes a piece again and again, until the other side closes. */
const endless =
  (first: string, piece: string) =>
  (response: ServerResponse): void => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.write(first);
    const more = () => {
      while (!response.destroyed && response.write(piece)) {
        // until the socket is full
      }
    };
    response.on("drain", more);
    more();
  };

const oneMegabyte = " ".repeat(2 ** 20);

export const hostileWays: readonly HostileWay[] = [
  // Of any answer.
  ...(["model", "list"] as const).flatMap((stage): HostileWay[] => [
    {
      name: `the ${stage} never ends`,
      stage,
      fault: () => ({ respond: endless("[", oneMegabyte) }),
      told: network(/more than 3[34](\.\d)? MB/),
    },
    {
      name: `the ${stage} is a web page`,
      stage,
      fault: () => ({ body: "<!doctype html><title>Log in</title>" }),
      told: network(/a web page instead of JSON/),
    },
    {
      name: `the ${stage} is no JSON`,
      stage,
      fault: () => ({ body: "\u0000\u202eok" }),
      told: network(/not JSON: it begins with "\\\\u0000\\\\u202eok"/),
    },
    {
      name: `the ${stage} is nested a million deep`,
      stage,
      fault: () => ({ body: "[".repeat(1e6) }),
      told: network(/not JSON/),
    },
    {
      name: `the ${stage} has an error for every try`,
      stage,
      fault: () => ({ status: 503 }),
      told: network(/answered 503/),
    },
    {
      name: `the ${stage} is redirected in a circle`,
      stage,
      fault: ({ url }) => ({ status: 302, headers: { Location: url } }),
      told: network(/cannot be reached/),
    },
    {
      name: `the ${stage} asks to wait for three thousand million years`,
      stage,
      fault: () => ({ status: 429, headers: { "Retry-After": "99999999999999999" } }),
      told: network(/too many requests from this address[;.]/), // browsers hide the header
    },
    {
      name: `the ${stage} asks to wait until a date that is none`,
      stage,
      fault: () => ({ status: 429, headers: { "Retry-After": "-1 fortnight" } }),
      told: network(/too many requests from this address\./),
    },
    {
      name: `the ${stage} says more than fits, with marks that turn text`,
      stage,
      fault: () => ({
        status: 400,
        headers: { "X-Error-Message": `evil ${"x".repeat(5000)}` },
      }),
      told: network(/^org\/small: [^ ]* answered 400\. evil x{100,195}\.\.\.$/),
    },
  ]),
  {
    name: "the model is a list",
    stage: "model",
    fault: () => json([]),
    told: network(/not an object/),
  },
  {
    name: "the model names a branch for a commit",
    stage: "model",
    fault: () => json({ id: "org/small", sha: "main" }),
    told: network(/did not name a commit but "main"/),
  },
  {
    name: "the list is an object",
    stage: "list",
    fault: () => json({ error: "later" }),
    told: network(/not a list/),
  },
  {
    name: "the list leads back to its first page",
    stage: "list",
    fault: ({ url }) => linkTo(url),
    told: network(/back to a page that was read before/),
  },
  {
    name: "the list has ever another page",
    stage: "list",
    fault: ({ url }, count) => linkTo(`${url.split("?")[0] ?? ""}?cursor=${count}`),
    told: network(/more than 400 pages/),
  },
  {
    name: "the list has too many entries",
    stage: "list",
    fault: () => json(Array.from({ length: 20_001 }, () => entry({ path: "folder/a" })[0])),
    told: network(/more than 20000 files/),
  },
  ...["http://[", "javascript:alert(1)"].map((link): HostileWay => ({
    name: `the list goes on at ${link}`,
    stage: "list",
    fault: () => linkTo(link),
    told: network(/which is no address/),
  })),
  ...[
    { size: -1 },
    { size: 1e300 },
    { size: "38" },
    { oid: "xyz" },
    { lfs: { oid: "0".repeat(64) } },
    { lfs: null },
  ].map((fields): HostileWay => ({
    name: `a file of the list has ${JSON.stringify(fields)}`,
    stage: "list",
    fault: () => json(entry(fields)),
    told: network(/no size or hash for "config.json"/),
  })),
  {
    name: "files of the list are outside the model, or no files",
    stage: "list",
    fault: () =>
      json([...entry({ path: "../config.json" }), ...entry({ type: "submodule" }), 1, null]),
    told: { code: "missing-file", words: /no \.safetensors and no \.gguf file/ },
  },
  // Of a file.
  {
    name: "a file is a web page",
    stage: "file",
    fault: () => ({ body: "<html>", headers: { "Content-Type": "text/html" } }),
    told: network(/a web page, not the file/),
  },
  {
    name: "a file is longer than listed",
    stage: "file",
    fault: () => ({ extraBytes: 5 }),
    told: network(/more than the 38 requested bytes/),
  },
  {
    name: "a file is shorter than listed, each time",
    stage: "file",
    fault: () => ({ extraBytes: -5 }),
    told: network(/ended .* bytes too early/),
  },
  {
    name: "a file never ends",
    stage: "file",
    fault: () => ({ respond: endless("x", oneMegabyte) }),
    told: network(/more than the 38 requested bytes/),
  },
  {
    name: "a file is changed on its way, twice",
    stage: "file",
    fault: () => ({ flipByte: 3 }),
    told: { code: "damaged-file", words: /do not match the hub's hash, twice/ },
  },
  {
    name: "a file is changed on its way, once",
    stage: "file",
    fault: (_, count) => (count === 1 ? { flipByte: 3 } : null),
    told: null,
  },
  {
    name: "a file breaks off once",
    stage: "file",
    fault: (_, count) => (count === 1 ? { cutAfter: 7 } : null),
    told: null,
  },
  {
    name: "a file is gone",
    stage: "file",
    fault: () => ({ status: 404, headers: { "X-Error-Code": "EntryNotFound" } }),
    told: { code: "missing-file", words: /does not have this file/ },
  },
];
