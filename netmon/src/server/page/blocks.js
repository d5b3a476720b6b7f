// A large tree as nested blocks: each box stands above a block with all that hangs on it, in rows.
//
// Hundreds of boxes on rings would leave the middle of the picture empty, and each box too small to be seen.

/** Blocks are this much wider than high, before each gets the box above it. */
const ASPECT = 3;
const GAP = { x: 28, y: 36 };
/** Room between a box and the block below it, for lines. */
const DROP = 64;

/** Puts blocks in rows. Returns the size of it all, and the top left corner of each. */
export function rowsOf(blocks) {
  const area = blocks.reduce((sum, { w, h }) => sum + (w + GAP.x) * (h + GAP.y), 0);
  const most = Math.max(Math.sqrt(area * ASPECT), ...blocks.map(({ w }) => w));
  const corners = [];
  let [x, y, height, width] = [0, 0, 0, 0];
  for (const { w, h } of blocks) {
    if (x > 0 && x + w > most) [x, y, height] = [0, y + height + GAP.y, 0];
    corners.push({ x, y });
    x += w + GAP.x;
    height = Math.max(height, h);
    width = Math.max(width, x - GAP.x);
  }
  return { w: width, h: y + height, corners };
}

/** Returns the block of a box: its size, and the middle of each box in it, from its top left corner. */
function block(id, parent, near, boxes) {
  const own = boxes.get(id);
  const children = near.get(id).filter((next) => next !== parent).map((child) => block(child, id, near, boxes));
  if (children.length === 0) return { w: own.w, h: own.h, places: new Map([[id, { x: own.w / 2, y: own.h / 2 }]]) };
  const rows = rowsOf(children);
  const w = Math.max(own.w, rows.w);
  const [left, top] = [(w - rows.w) / 2, own.h + DROP];
  const places = new Map([[id, { x: w / 2, y: own.h / 2 }]]);
  children.forEach((child, index) => {
    const corner = rows.corners[index];
    for (const [name, { x, y }] of child.places) places.set(name, { x: left + corner.x + x, y: top + corner.y + y });
  });
  return { w, h: top + rows.h, places };
}

/** Returns places for a tree with this root. */
export function nestedBlocks(root, near, boxes) {
  return block(root, null, near, boxes).places;
}
