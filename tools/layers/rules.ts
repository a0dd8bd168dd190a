// The rules of the sources: floors in order, the page behind the session, no circle, short files,
// full folders.
import { posix } from "node:path";
import ts from "typescript";
import { circlesOf, graphOf, importsOf, nodesOf, type Source } from "./graph.ts";
import { areData } from "./recipe-data.ts";

/**
 * Each floor imports from itself and from those before it. The words are those of
 * docs/architecture.md.
 */
export const floors = {
  util: "errors a person can act on, bytes, random numbers, figures for people",
  recipe: "the options of a run: names, ranges, defaults, parser",
  formats: "bytes to values and back: safetensors, GGUF, JSONL, CSV, Parquet, Excel, zip",
  sources: "where bytes come from: hub, files, demo; what the browser keeps",
  data: "rows to examples to tokens, masks and batches",
  model: "config, tensors, tokenizer, chat template, weight formats",
  adapter: "LoRA: targets, names, shapes, initialisation",
  gpu: "a device, kernels and programs as data, memory planner, runner",
  kernels: "one folder per op: bindings, sizes, WGSL",
  engine: "step, evaluate, generate: compiled (webgpu) and reference (tfjs)",
  train: "schedule, order of the data, held-out loss, the training loop",
  checkpoint: "one run to one file and back; the database; the mirror",
  export: "an adapter for other programs, its model card, its log",
  models: "what models there are, what they cost here, kept and downloaded",
  run: "one run and what it needs: device, saves, samples, plan",
  session: "calls and events between page and worker, and the tabs",
  host: "pages around this one: what an address asks for, what a host page is told",
  app: "the page",
} as const;

const order = Object.keys(floors);

/** All that the page may know. */
const openToApp = /^(app\/|host\/|util\/|recipe\/|session\/(client|protocol)\.ts$)/;
/** What a host page is told comes out of the protocol. */
const openToHost = /^(host\/|util\/|session\/protocol\.ts$)/;
const maxLines = 400;
const maxFilesOfFolder = 20;
/** Folders that grew full once before. */
const maxFilesOf: Readonly<Record<string, number>> = { session: 16 };

/** The entry of the page belongs to the page. */
export function floorOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "app";
}

/** Everything that is wrong with the sources, a line each. */
export function faultsOfAll(sources: readonly Source[]): string[] {
  return [
    ...sources.flatMap(faultsOf),
    ...sources.flatMap(commentFaults),
    ...folderFaults(sources.map(({ path }) => path)),
    ...circlesOf(graphOf(sources)).map((circle) => `circle: ${circle}`),
  ];
}

/** Everything that is wrong with a file alone, in words. */
export function faultsOf(source: Source): string[] {
  const { path, text } = source;
  const nodes = nodesOf(source);
  const imports = importsOf(source, nodes).flatMap(({ path: target, values }) =>
    target === null ? [] : importFaults(path, target, values),
  );
  const floor = floorOf(path);
  const lines = text.replace(/\n$/, "").split("\n").length;
  return [
    ...imports,
    ...(order.includes(floor) ? [] : [`${floor}/ is not in the list`]),
    ...(floor === "app" ? [] : pageFaults(nodes)),
    ...(lines > maxLines ? [`${lines} lines`] : []),
    ...(/^(\/\/|\/\*|<!--)/.test(text) ? [] : ["does not open with a comment"]),
    ...(/\b(TODO|FIXME)\b/.test(text) ? ["is not finished"] : []),
  ].map((fault) => `${path}: ${fault}`);
}

function importFaults(path: string, target: string, values: readonly string[]): string[] {
  const fault = [`imports ${target}`];
  const floor = floorOf(path);
  if (order.indexOf(floorOf(target)) > order.indexOf(floor) || target.startsWith("..")) {
    return fault;
  }
  if (target.startsWith("engine/tfjs/") && floor !== "engine") {
    return fault;
  }
  if (floor === "host") {
    return openToHost.test(target) ? [] : fault;
  }
  if (floor !== "app") {
    return [];
  }
  const isOpen =
    openToApp.test(target) && (!target.startsWith("recipe/") || areData(target, values));
  return isOpen ? [] : fault;
}

/** What a worker does not have; the compiler knows them, since the page is in the same project. */
const pageNames = ["document", "window", "localStorage", "sessionStorage", "HTMLElement", "alert"];

function pageFaults(nodes: readonly ts.Node[]): string[] {
  const used = new Set(nodes.filter(ts.isIdentifier).map(({ text }) => text));
  return pageNames.filter((name) => used.has(name)).map((name) => `uses ${name}`);
}

const maxCommentColumns = 100;

/** Comments wider than the code around them. Directives of tools cannot be wrapped. */
export function commentFaults({ path, text }: Source): string[] {
  return text.split("\n").flatMap((line, index) => {
    const isComment = /^\s*(\/\/|\*|\/\*|<!--)|\s\/\/ /.test(line) && !/eslint-|https?:/.test(line);
    return isComment && line.length > maxCommentColumns
      ? [`${path}:${index + 1}: a comment of ${line.length} columns, at most ${maxCommentColumns}`]
      : [];
  });
}

/** Folders with more files than one can take in at a glance. */
export function folderFaults(paths: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const folder = posix.dirname(path);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts].flatMap(([folder, count]) => {
    const limit = maxFilesOf[folder] ?? maxFilesOfFolder;
    return count > limit ? [`${folder}/: ${count} files, at most ${limit}`] : [];
  });
}
