// Tile presets of the matrix products: the outputs of a thread, the threads of a workgroup, and
// whether operands pass through workgroup memory. Which is fastest differs between GPUs, so the
// choice is measured (tune.ts); `defaultTile` works everywhere.
import { invariant } from "../../util/assert.ts";

export interface Tile {
  name: string;
  /** Outputs of a thread: rows, and quads of columns. */
  rows: number;
  quads: number;
  /** Threads of a workgroup across columns and rows. */
  threadsX: number;
  threadsY: number;
  /** Operands pass through workgroup memory; else each thread loads its own, through the caches. */
  shared: boolean;
}

/**
 * Registers of a thread: rows * quads vec4f of sums, quads * 4 of a weight block and one left quad.
 * That is 64 + 32 + 4 numbers for 8 rows of 2 quads, which leaves a GPU of 256 registers per thread
 * (NVIDIA, AMD) space for addresses, and 16 + 16 + 4 for 4 rows of 1 quad.
 */
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

/** Outputs of a workgroup. */
export function tileSpan({ rows, quads, threadsX, threadsY }: Tile): {
  rows: number;
  cols: number;
} {
  return { rows: rows * threadsY, cols: quads * 4 * threadsX };
}

/** Quads of the contraction that are staged in workgroup memory at a time. */
export const stagedQuads = 4;

/** The layout of staged operands in workgroup memory, counted in quads. */
export interface SharedLayout {
  /** From one quad of the contraction to the next, left and right. */
  leftStride: number;
  rightStride: number;
  /** Between the four right-hand quads that meet a left quad. */
  rowStride: number;
  leftQuads: number;
  rightQuads: number;
}

/** WebGPU's maxComputeWorkgroupStorageSize and maxComputeInvocationsPerWorkgroup by default. */
const workgroupBytes = 16384;
const workgroupThreads = 256;

/**
 * Pads the strides against bank conflicts. Workgroup memory has 32 banks of 4 bytes. A quad covers
 * four of them, so eight threads access it at once if their indices differ modulo 8.
 *
 * Stores: eight neighbouring threads stage quads q = 0..3 of two neighbouring rows. `rows` and
 * `cols / 4` are multiples of 8, so leftStride = rightStride = 2 and rowStride = 1 modulo 8. The
 * eight indices are 2 q + {0, 1}: all different.
 *
 * Loads: neighbouring threads read neighbouring right-hand quads, and the same left quad, which is
 * a broadcast.
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

/** Rows of the smallest tile. */
const fewRows = 32;

/** A choice, or the smallest tile where most rows of the chosen one would be missing. */
export function tileOver(rows: number, chosen: TileName): TileName {
  return rows <= fewRows ? "registers4" : chosen;
}
