// Tile presets of the matrix products: how many outputs a thread computes, and where operands wait.
// Which is fastest differs between GPUs, so the choice is measured (tune.ts); `defaultTile` is safe
// everywhere.
import { invariant } from "../../util/assert.ts";

export interface Tile {
  name: string;
  /** Outputs of a thread: rows, and quads of columns. */
  rows: number;
  quads: number;
  /** Threads of a workgroup across columns and rows. */
  threadsX: number;
  threadsY: number;
  /**
   * true: operands pass through workgroup memory; false: each thread reads its own, and the caches
   * share.
   */
  shared: boolean;
}

export const tiles = {
  /** For products of few columns, such as x A^T: more threads, fewer outputs each. */
  narrow: { name: "narrow", rows: 4, quads: 1, threadsX: 4, threadsY: 16, shared: false },
  registers4: { name: "registers4", rows: 4, quads: 1, threadsX: 8, threadsY: 8, shared: false },
  registers8: { name: "registers8", rows: 8, quads: 2, threadsX: 8, threadsY: 8, shared: false },
  shared4: { name: "shared4", rows: 4, quads: 1, threadsX: 16, threadsY: 16, shared: true },
  shared8: { name: "shared8", rows: 8, quads: 2, threadsX: 8, threadsY: 8, shared: true },
  /** For many rows: 128 of them share a staged piece of the weight. */
  sharedTall: { name: "sharedTall", rows: 8, quads: 2, threadsX: 8, threadsY: 16, shared: true },
} as const satisfies Record<string, Tile>;

export type TileName = keyof typeof tiles;

/** Needs neither workgroup memory nor more than 64 threads. */
export const defaultTile: TileName = "registers8";

/** What a workgroup covers. */
export function tileSpan({ rows, quads, threadsX, threadsY }: Tile): {
  rows: number;
  cols: number;
} {
  return { rows: rows * threadsY, cols: quads * 4 * threadsX };
}

/** Quads of the contraction that are staged in workgroup memory at a time. */
export const stagedQuads = 4;

/** How staged operands lie in workgroup memory, counted in quads. */
export interface SharedLayout {
  /** From one quad of the contraction to the next, left and right. */
  leftStride: number;
  rightStride: number;
  /** From one of the four right-hand quads that meet a left quad to the next. */
  rowStride: number;
  leftQuads: number;
  rightQuads: number;
}

/** WebGPU's maxComputeWorkgroupStorageSize and maxComputeInvocationsPerWorkgroup by default. */
const workgroupBytes = 16384;
const workgroupThreads = 256;

/**
 * Strides are padded so that eight threads side by side store to eight different quads of the 32
 * banks: what they stage, four quads of two rows, lies at 2 q + row by the remainders of the
 * strides.
 */
export function sharedLayout(tile: Tile): SharedLayout {
  const { rows, cols } = tileSpan(tile);
  const leftStride = rows + 2;
  const rowStride = cols / 4 + 1;
  const rightStride = 4 * rowStride + 6;
  const [leftQuads, rightQuads] = [stagedQuads * leftStride, stagedQuads * rightStride];
  const bytes = (leftQuads + rightQuads) * 16;
  invariant(bytes <= workgroupBytes, `tile ${tile.name} stages ${bytes} bytes`);
  return { leftStride, rightStride, rowStride, leftQuads, rightQuads };
}

/** Threads of a workgroup. */
export function tileThreads({ name, threadsX, threadsY }: Tile): number {
  const threads = threadsX * threadsY;
  invariant(threads <= workgroupThreads, `tile ${name} has ${threads} threads`);
  return threads;
}

/** Tiles of one engine, by what the product is like. */
export interface TileChoice {
  /** y = x W^T over many columns. */
  wide: TileName;
  /** dx = dy W. */
  wideBackward: TileName;
}

export const defaultTiles: TileChoice = { wide: defaultTile, wideBackward: defaultTile };
