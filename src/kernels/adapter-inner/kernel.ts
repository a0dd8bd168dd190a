// The narrow products of LoRA (Hu et al. 2021, arXiv:2106.09685): h = x A^T forward and u = dy B
// backward, [rows, rank], of up to three linears side by side in one dispatch: those that read one
// input, such as the projections of queries, keys and values.
import { defineKernel, onePerVariant, type Binding, type Kernel } from "../../gpu/kernel.ts";
import { dispatch, spanOf, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import type { Columns } from "../matmul/kernel.ts";
import source from "./inner.wgsl?raw";

/** Linears of one dispatch. */
export const mostMembers = 3;

/** Threads that share a sum, and quads of the rank in a workgroup. */
const constants = { LANES: 16, COLUMNS: 4 };

export interface InnerShape {
  rows: number;
  /** A multiple of 4. */
  rank: number;
}

export interface ForwardMember {
  /** [rank, in] of the values of the adapter. */
  a: View;
  /** Written: columns of the group's one tensor. */
  h: Columns;
}

/** h = x A^T of each member. @param width of x, a multiple of 4 */
export function innerForward(
  shape: InnerShape & { width: number },
  { x, members }: { x: Tensor; members: readonly ForwardMember[] },
): Dispatch {
  const parts = members.map(({ a, h }) => ({ lora: a, inner: h, width: shape.width }));
  return call(forwardKernel, shape, parts, { x });
}

export interface BackwardMember {
  /** [rows, width] */
  dy: Tensor | View;
  /** A multiple of 4. */
  width: number;
  /** [width, rank] of the values of the adapter. */
  b: View;
  /** Written: columns of the group's one tensor. */
  u: Columns;
}

/** u = dy B of each member. */
export function innerBackward(shape: InnerShape, members: readonly BackwardMember[]): Dispatch {
  const parts = members.map(({ b, u, width }) => ({ lora: b, inner: u, width }));
  const lefts = Object.fromEntries(members.map(({ dy }, member) => [`dy${member}`, dy]));
  return call(backwardKernel(members.length), shape, parts, lefts);
}

interface Part {
  lora: View;
  inner: Columns;
  /** Length of the sum. */
  width: number;
}

function call(
  kernel: Kernel,
  { rows, rank }: InnerShape,
  parts: readonly Part[],
  lefts: Readonly<Record<string, Tensor | View>>,
): Dispatch {
  const { span, starts } = spanOf(parts.map(({ lora }) => lora));
  const [first] = parts;
  invariant(first !== undefined, "a group without members");
  const { tensor, width: stride } = first.inner;
  parts.forEach(({ width, inner }, member) => {
    invariant(width % 4 === 0 && inner.tensor === tensor, `member ${member} of another group`);
  });
  const ofMembers = indexes(mostMembersOf(kernel)).flatMap((member) => [
    [`quads${member}`, (parts[member]?.width ?? 0) / 4] as const,
    [`lora${member}`, (starts[member] ?? 0) / 4] as const,
    [`first${member}`, (parts[member]?.inner.first ?? 0) / 4] as const,
  ]);
  return dispatch(kernel, {
    tensors: { ...lefts, lora: span, inner: tensor },
    params: {
      rows,
      rankQuads: rank / 4,
      strideQuads: stride / 4,
      ...Object.fromEntries(ofMembers),
    },
    grid: [Math.ceil(rank / (4 * constants.COLUMNS)), Math.ceil(rows / 4), parts.length],
    work: parts.reduce((sum, { width }) => sum + rows * rank * width, 0),
  });
}

const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);

/** One for groups of any size, since compiling costs more than members that nothing reads. */
const forwardKernel = kernelOf("lora-A-product", mostMembers, ["x"], {
  // Neighbouring threads read neighbouring quads of a row of A.
  lane: "thread % LANES",
  column: "thread / LANES",
  block: `
  let at = start + 4u * quad * quads + q;
  return transpose(mat4x4f(lora[at], lora[at + quads], lora[at + 2u * quads], lora[at + 3u * quads]));`,
});

const backwardKernel = onePerVariant((members: number) => {
  const lefts = indexes(members).map((member) => `dy${member}`);
  return kernelOf("lora-B-product", members, lefts, {
    // Neighbouring threads read neighbouring quads of a row of B.
    lane: "thread / COLUMNS",
    column: "thread % COLUMNS",
    block: `
  let at = start + 4u * q * params.rankQuads + quad;
  let next = params.rankQuads;
  return mat4x4f(lora[at], lora[at + next], lora[at + 2u * next], lora[at + 3u * next]);`,
  });
});

/** Members that a kernel has fields for. */
function mostMembersOf({ params }: Kernel): number {
  return params.fields.filter(({ name }) => name.startsWith("quads")).length;
}

interface Reading {
  /** WGSL of the lane and the quad of a thread. */
  lane: string;
  column: string;
  /** WGSL of the body of block_of. */
  block: string;
}

/** @param lefts bindings of the left operand: one for all members, or one for each */
function kernelOf(name: string, members: number, lefts: readonly string[], reading: Reading) {
  invariant(members >= 1 && members <= mostMembers, `a group of ${members} linears`);
  const quads = (use: Binding["use"]): Binding => ({ use, element: "vec4f" });
  const ofMembers = indexes(members).flatMap((member) =>
    ["quads", "lora", "first"].map((field) => [`${field}${member}`, "u32"] as const),
  );
  return defineKernel({
    name,
    source: [source, sumsOf(lefts)].join("\n"),
    definitions: [
      `fn lane_of(thread : u32) -> u32 { return ${reading.lane}; }`,
      `fn column_of(thread : u32) -> u32 { return ${reading.column}; }`,
      `fn block_of(start : u32, quads : u32, quad : u32, q : u32) -> mat4x4f {${reading.block}\n}`,
      memberOf(members),
    ].join("\n"),
    constants,
    bindings: {
      ...Object.fromEntries(lefts.map((left) => [left, quads("in")])),
      lora: quads("constant"),
      inner: quads("out"),
    },
    params: {
      rows: "u32",
      rankQuads: "u32",
      strideQuads: "u32",
      ...Object.fromEntries(ofMembers),
    },
  });
}

function memberOf(members: number): string {
  const fields = (member: number) =>
    ["quads", "lora", "first"].map((field) => `params.${field}${member}`).join(", ");
  const cases = indexes(members - 1).map(
    (member) => `  if (z == ${member}u) { return Member(${fields(member)}); }`,
  );
  const last = `  return Member(${fields(members - 1)});`;
  return ["fn member_of(z : u32) -> Member {", ...cases, last, "}"].join("\n");
}

/**
 * WGSL of sums_of(z, rows, lane, quad): a loop for each left operand, of which all but the member's
 * own are empty. A software adapter would take every branch of a choice inside one loop.
 */
function sumsOf(lefts: readonly string[]): string {
  const loop = (left: string, member: number) => {
    const end = lefts.length === 1 ? "quads" : `select(0u, quads, z == ${member}u)`;
    return `  for (var q = lane; q < ${end}; q += LANES) {
    let block = block_of(member.lora, quads, quad, q);
    s0 += block * ${left}[starts.x + q];
    s1 += block * ${left}[starts.y + q];
    s2 += block * ${left}[starts.z + q];
    s3 += block * ${left}[starts.w + q];
  }`;
  };
  return `
fn sums_of(z : u32, rows : vec4u, lane : u32, quad : u32) -> Sums {
  let member = member_of(z);
  let quads = member.quads;
  let starts = rows * quads;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
${lefts.map(loop).join("\n")}
  return Sums(s0, s1, s2, s3);
}`;
}
