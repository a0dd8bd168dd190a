// `npm run test:against -- REVISION`: holds this checkout against an older one of the repository.
// Same bits of the demo and of five tiny models, speed of steps, and each page reads the other's
// exports. The older one is built once in out/against/.
//   --only <part>[,<part>]  bits, exports, speed; first-step only where it is named
//   --pairs <n>             runs of each side in turn for a time; 5 unless told
//   --at-least <ratio>      slowest speed allowed, this checkout over the older; 0.99 unless told
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compareBits } from "./bits.ts";
import { compareFirstStep } from "./first-step.ts";
import { exchangeExports } from "./exports.ts";
import { checkOut, here, outFolder } from "./sides.ts";
import { compareSpeed } from "./speed.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", default: "bits,exports,speed" },
    pairs: { type: "string", default: "5" },
    "at-least": { type: "string", default: "0.99" },
  },
});
const [revision] = positionals;
if (revision === undefined) {
  throw new Error("Name a revision: npm run test:against -- v0.1.0");
}
const only = new Set(values.only.split(","));
mkdirSync(outFolder, { recursive: true });
const sides = { now: here, before: checkOut(revision) };

const results = [
  ...(only.has("bits") ? await compareBits(sides) : []),
  ...(only.has("exports") ? await exchangeExports(sides) : []),
  ...(only.has("speed")
    ? [await compareSpeed(sides, Number(values.pairs), Number(values["at-least"]))]
    : []),
  ...(only.has("first-step")
    ? [await compareFirstStep(sides, Number(values.pairs), Number(values["at-least"]))]
    : []),
];
for (const { name, fault } of results) {
  console.log(fault === null ? `passed: ${name}` : `FAILED: ${name}: ${fault}`);
}
const failed = results.filter(({ fault }) => fault !== null).length;
process.exitCode = failed > 0 ? 1 : 0;
console.log(`Written to ${join(outFolder)}`);
console.log(`${results.length - failed} passed, ${failed} failed`);
