// Times the two ways to multiply by a transposed matrix in tfjs, at the demo's and SmolLM2-135M's
// layer shapes: why engine/tfjs/products.ts transposes first.
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
  "measureProducts",
  shapes,
);
console.log("tokens     in    out  transposed first ms  built-in ms  ratio");
for (const { tokens, inFeatures, outFeatures, transposedFirstMs, builtInMs } of results) {
  const columns = [
    String(tokens).padStart(6),
    String(inFeatures).padStart(6),
    String(outFeatures).padStart(6),
    transposedFirstMs.toFixed(1).padStart(20),
    builtInMs.toFixed(1).padStart(12),
    (builtInMs / transposedFirstMs).toFixed(2).padStart(6),
  ];
  console.log(columns.join(" "));
}
