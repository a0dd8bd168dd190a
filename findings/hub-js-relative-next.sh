#!/usr/bin/env bash
# The Hub's JavaScript client ends a list of files at a relative link, without an error.
# Software: @huggingface/hub 2.17.5.
# Expected: the Link header names the next page of a list; RFC 8288 (section 3.1) allows a relative
#   reference, which listFiles follows or refuses.
# Behaviour: it takes addresses with http:// or https:// only. At any other link the list is over.
# Why it matters: of a mirror with relative links, files of later pages are not there, such as the
#   second shard of a model. Nothing says so.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
npm_with @huggingface/hub@2.17.5

cat >list.mjs <<'END'
import { createServer } from "node:http";
import { listFiles } from "@huggingface/hub";

const file = (path) => ({ type: "file", path, size: 1, oid: "0".repeat(40) });
const pages = [[file("model-1.safetensors")], [file("model-2.safetensors")]];
let prefix = "";
const server = createServer((request, response) => {
  const isSecond = request.url.includes("cursor");
  if (!isSecond) {
    const next = `${prefix}/api/models/org/name/tree/main?cursor=2`;
    response.setHeader("Link", `<${next}>; rel="next"`);
  }
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(pages[isSecond ? 1 : 0]));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const hubUrl = `http://127.0.0.1:${server.address().port}`;

for (const [words, start] of [
  ["absolute", hubUrl],
  ["relative", ""],
]) {
  prefix = start;
  const names = [];
  for await (const { path } of listFiles({ repo: "org/name", hubUrl })) {
    names.push(path);
  }
  console.log(`${words} link: ${names.join(", ")}`);
}
server.close();
END

seen 2026-11-30 <<'END'
absolute link: model-1.safetensors, model-2.safetensors
relative link: model-1.safetensors
END
run node list.mjs
verdict
