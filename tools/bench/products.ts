// Why engine/tfjs/products.ts turns matrices: both ways in one run, at the demo's and at
// SmolLM2-135M's layer shapes.
import { inSourcePage } from "../support/source-page.ts";
import type { ProductShape, ProductTimes } from "./products-page.ts";

const shapes: ProductShape[] = [
  { tokens: 160, inFeatures: 128, outFeatures: 384 },
  { tokens: 160, inFeatures: 128, outFeatures: 1024 },
  { tokens: 160, inFeatures: 8, outFeatures: 128 },
  { tokens: 64, inFeatures: 576, outFeatures: 1536 },
];

const results = await inSourcePage<ProductTimes[]>(
  "/tools/bench/products-page.ts",
  "raceProducts",
  shapes,
);
console.log("tokens     in    out  turned ms  transposed ms  ratio");
for (const { tokens, inFeatures, outFeatures, turnedMs, transposedMs } of results) {
  const columns = [
    String(tokens).padStart(6),
    String(inFeatures).padStart(6),
    String(outFeatures).padStart(6),
    turnedMs.toFixed(1).padStart(10),
    transposedMs.toFixed(1).padStart(14),
    (transposedMs / turnedMs).toFixed(2).padStart(6),
  ];
  console.log(columns.join(" "));
}
