// Writes the WGSL that depends on how many linears a group has: which matrix a workgroup works on,
// and its sums over the tokens.

const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Params of each member: columns of dy, where its h and u begin, where A and B begin; in quads. */
export function memberFields(members: number): Record<string, "u32"> {
  return Object.fromEntries(
    indexes(members).flatMap((member) =>
      ["out", "first", "a", "b"].map((field) => [`${field}${member}`, "u32"] as const),
    ),
  );
}

/** matrix_of(workgroup): A of the first member, its B, A of the second, and so on. */
export function tableOf(members: number): string {
  const entries = indexes(members).flatMap((i) => [
    ["0u", "params.innerQuads", `params.a${i}`, i],
    [`${i + 1}u`, `params.out${i}`, `params.b${i}`, i],
  ]);
  const matrix = ([source, quads, start, i]: (typeof entries)[number]) =>
    `Matrix(${source}, group, ${quads}, params.first${i}, ${start})`;
  const choices = entries
    .slice(0, -1)
    .map((entry) =>
      [
        `  next = group + (${entry[1]} + COLUMNS - 1u) / COLUMNS;`,
        `  if (workgroup < next) { return ${matrix(entry)}; }`,
        "  group = next;",
      ].join("\n"),
    );
  return [
    "fn matrix_of(workgroup : u32) -> Matrix {",
    "  var group = 0u;",
    "  var next = 0u;",
    ...choices,
    ...entries.slice(-1).map((entry) => `  return ${matrix(entry)};`),
    "}",
  ].join("\n");
}

/** is_covered(quad): whether a quad of the gradient is in one of the matrices. */
export function coverOf(members: number): string {
  const tests = indexes(members).flatMap((i) => [
    `quad - params.a${i} < 4u * params.rankQuads * params.innerQuads`,
    `quad - params.b${i} < 4u * params.rankQuads * params.out${i}`,
  ]);
  return [
    "// Below the start the difference of u32 is huge.",
    `fn is_covered(quad : u32) -> bool {\n  return ${tests.map((test) => `(${test})`).join(" ||\n    ")};\n}`,
  ].join("\n");
}

/**
 * sums_of: a loop over the tokens for x and one for each dy, of which all but the matrix's own are
 * empty. A software adapter would take every branch of a choice inside one loop.
 */
export function sumsSource(members: number): string {
  const loops = [
    loop(0, "u", "x_of(token, wide_quad)"),
    ...indexes(members).map((member) => {
      return loop(member + 1, "h", `dy${member}[token * matrix.quads + wide_quad]`);
    }),
  ];
  return [
    "fn sums_of(",
    "  matrix : Matrix, low_quad : u32, high_quad : u32, wide_quad : u32, first : u32, end : u32,",
    ") -> Sums {",
    ...indexes(8).map((i) => `  var s${i} = vec4f();`),
    ...loops,
    `  return Sums(${indexes(8)
      .map((i) => `s${i}`)
      .join(", ")});`,
    "}",
  ].join("\n");
}

function loop(source: number, narrow: string, wide: string): string {
  const add = (row: string, first: number) =>
    ["x", "y", "z", "w"].map((k, i) => `    s${first + i} += ${row}.${k} * across;`);
  return [
    `  for (var token = first; token < select(first, end, matrix.source == ${source}u); token++) {`,
    `    let across = ${wide};`,
    "    let at = token * params.strideQuads + matrix.first;",
    `    let low = ${narrow}[at + low_quad];`,
    `    let high = ${narrow}[at + high_quad];`,
    ...add("low", 0),
    ...add("high", 4),
    "  }",
  ].join("\n");
}
