// The tile of ROWS rows that a workgroup owns in one head, and what each row sees on the other
// side: queries see keys, keys are seen by queries.
//
// A thread has two roles. In scoring it holds a block: 4 rows times 4 columns of the other side, as
// four vec4f over the rows. In summing it holds 4 numbers of the head, its quad, for a group of
// rows.
// Prepended: WORKGROUP_SIZE, ROWS, QUADS, ranges.

const ROW_BLOCKS = ROWS / 4u;

var<workgroup> row_ranges : array<vec2u, ROWS>;
var<workgroup> tile_range : vec2u;

/**
 * What all rows of the tile see together: one range, the same in every thread. Rows past the end
 * see nothing.
 */
fn load_ranges(first_row : u32, rows : u32, thread : u32) -> vec2u {
  for (var i = thread; i < ROWS; i += WORKGROUP_SIZE) {
    var seen = vec2u(0u);
    if (first_row + i < rows) {
      seen = ranges[first_row + i];
    }
    row_ranges[i] = seen;
  }
  workgroupBarrier();
  if (thread == 0u) {
    tile_range = join_ranges(0u, ROWS);
  }
  return workgroupUniformLoad(&tile_range);
}

/**
 * The range from the lowest to the highest that any of `count` rows sees; [huge, 0] when they see
 * nothing.
 */
fn join_ranges(first : u32, count : u32) -> vec2u {
  var joined = vec2u(0xffffffffu, 0u);
  for (var i = first; i < first + count; i++) {
    let seen = row_ranges[i];
    if (seen.x < seen.y) {
      joined = vec2u(min(joined.x, seen.x), max(joined.y, seen.y));
    }
  }
  return joined;
}

/** The ranges of the four rows of a block. */
struct BlockRange {
  first : vec4u,
  end : vec4u,
}

fn block_range(row_block : u32) -> BlockRange {
  let a = row_ranges[4u * row_block];
  let b = row_ranges[4u * row_block + 1u];
  let c = row_ranges[4u * row_block + 2u];
  let d = row_ranges[4u * row_block + 3u];
  return BlockRange(vec4u(a.x, b.x, c.x, d.x), vec4u(a.y, b.y, c.y, d.y));
}

/** Which rows of the block see column `other`. */
fn sees(range : BlockRange, other : u32) -> vec4<bool> {
  return (range.first <= vec4u(other)) & (vec4u(other) < range.end);
}

/** Whether a row of the block sees one of the four columns from `other` on. */
fn sees_some(range : BlockRange, other : u32) -> bool {
  return any((range.first < vec4u(other + 4u)) & (vec4u(other) < range.end));
}

/** Where four rows from `first` on begin, in quads; rows past the end are replaced by the last. */
fn row_starts(first : u32, rows : u32, stride : u32, head : u32) -> vec4u {
  return min(vec4u(first) + vec4u(0u, 1u, 2u, 3u), vec4u(rows - 1u)) * stride + head * QUADS;
}
