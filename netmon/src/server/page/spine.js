// A tree along its longest path: the path is a straight line, and what branches off stands above and below it.
//
// This is how people draw a network from one end to the other.

import { byName } from './names.js';

const GAP = 235;
const LEAF = 60;
const STOREY = 185;

/** Returns the path from `start` to the box that is farthest from it, the first by name among equals. */
function farthest(start, near) {
  const before = new Map([[start, null]]);
  const order = [start];
  const depth = new Map([[start, 0]]);
  for (const id of order) {
    for (const next of near.get(id)) {
      if (before.has(next)) continue;
      before.set(next, id);
      depth.set(next, depth.get(id) + 1);
      order.push(next);
    }
  }
  const end = order.reduce((best, id) => (depth.get(id) > depth.get(best) ? id : best), start);
  const path = [];
  for (let id = end; id !== null; id = before.get(id)) path.push(id);
  return path;
}

/** Returns the longest path, beginning with the end that comes first by name. */
export function longestPath(part, near) {
  const path = farthest(farthest(part[0], near)[0], near);
  return byName(path[0], path.at(-1)) > 0 ? path.reverse() : path;
}

/** The width that a branch takes: of its leaves side by side, and at least of its own box. */
function widthOf(id, parent, near, boxes) {
  const children = near.get(id).filter((next) => next !== parent);
  const below = children.reduce((sum, child) => sum + widthOf(child, id, near, boxes), 0);
  return Math.max(boxes.get(id).w + LEAF, below);
}

function placeBranch(id, parent, at, step, near, boxes, places) {
  places.set(id, at);
  const children = near.get(id).filter((next) => next !== parent);
  const widths = children.map((child) => widthOf(child, id, near, boxes));
  let x = at.x - widths.reduce((sum, width) => sum + width, 0) / 2;
  children.forEach((child, index) => {
    placeBranch(child, id, { x: x + widths[index] / 2, y: at.y + step }, step, near, boxes, places);
    x += widths[index];
  });
}

/** Shares the branches of a box among above and below, so that both sides are about as wide. */
function shared(id, path, near, boxes, turn) {
  const sides = [{ width: 0, ids: [] }, { width: 0, ids: [] }];
  for (const branch of near.get(id).filter((next) => !path.has(next))) {
    const [one, other] = turn % 2 === 0 ? sides : [sides[1], sides[0]];
    const side = one.width <= other.width ? one : other;
    side.ids.push(branch);
    side.width += widthOf(branch, id, near, boxes);
  }
  return sides;
}

function placeSide(id, x, { ids, width }, step, near, boxes, places) {
  let left = x - width / 2;
  for (const branch of ids) {
    const own = widthOf(branch, id, near, boxes);
    placeBranch(branch, id, { x: left + own / 2, y: step }, step, near, boxes, places);
    left += own;
  }
}

/** Returns places for a tree. */
export function spine(part, near, boxes) {
  const order = longestPath(part, near);
  const path = new Set(order);
  const places = new Map();
  let [x, before, turn] = [0, null, 0];
  for (const id of order) {
    const [above, below] = shared(id, path, near, boxes, turn);
    if (above.ids.length + below.ids.length > 0) turn += 1;
    const own = boxes.get(id).w / 2;
    const half = Math.max(own, above.width / 2, below.width / 2);
    if (before !== null) x += Math.max(before.own + GAP + own, before.half + half);
    before = { own, half };
    places.set(id, { x, y: 0 });
    placeSide(id, x, above, -STOREY, near, boxes, places);
    placeSide(id, x, below, STOREY, near, boxes, places);
  }
  return places;
}
