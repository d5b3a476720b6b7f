// Where boxes stand. Deterministic: the same lab has the same picture, on every screen and after every reload.
//
// Each connected part is seeded by its structure (a chain is straight, a ring is a ring, the rest are rings around a
// hub), and only what has cycles is relaxed for a moment. Then it is frozen: a new box is placed beside its neighbour
// where there is room, and no other box moves.

import { nestedBlocks } from './blocks.js';
import { byName } from './names.js';
import { relax } from './relax.js';
import { spine } from './spine.js';

/** Pictures are wider than high, as screens are. */
const SQUASH = 0.55;
/** A tree is drawn along its longest path unless it has a hub with more neighbours than this, or more boxes. */
const FEW_NEIGHBOURS = 5;
const FEW_BOXES = 60;
/** Boxes are wider than high, so a picture that is turned is stretched. */
const TURNED = { x: 1.3, y: 0.55 };
const WIDE_SLOT = 235;
const NARROW_SLOT = 190;
const RING_SLOT = 330;
const CHAIN_GAP = 190;
const FEW_GAP = 300;
const PART_GAP = 90;
const RING_STEP = 250;

function adjacency(boxes, edges) {
  const near = new Map(boxes.map((box) => [box.id, []]));
  for (const [a, b] of edges) {
    if (a === b || !near.has(a) || !near.has(b)) continue;
    if (!near.get(a).includes(b)) near.get(a).push(b);
    if (!near.get(b).includes(a)) near.get(b).push(a);
  }
  for (const list of near.values()) list.sort(byName);
  return near;
}

/** Returns the connected parts: arrays of names, the largest first. */
export function parts(near) {
  const seen = new Set();
  const found = [];
  for (const start of [...near.keys()].sort(byName)) {
    if (seen.has(start)) continue;
    const part = [start];
    seen.add(start);
    for (const id of part) {
      for (const next of near.get(id)) if (!seen.has(next)) part.push(next) && seen.add(next);
    }
    found.push(part.sort(byName));
  }
  return found.sort((one, other) => other.length - one.length || byName(one[0], other[0]));
}

function edgeCount(part, near) {
  return part.reduce((sum, id) => sum + near.get(id).length, 0) / 2;
}

/** Walks along a chain or a ring. */
function walk(part, near) {
  const start = part.find((id) => near.get(id).length <= 1) ?? part[0];
  const order = [start];
  const seen = new Set(order);
  for (let id = start; id !== undefined; ) {
    id = near.get(id).find((next) => !seen.has(next));
    if (id !== undefined) order.push(id) && seen.add(id);
  }
  return order;
}

/** A straight line; a long chain turns back at the end of each row. */
function chain(order, boxes) {
  const perRow = order.length <= 9 ? order.length : Math.ceil(Math.sqrt(order.length * 1.6));
  const widest = Math.max(...order.map((id) => boxes.get(id).w));
  const places = new Map();
  order.forEach((id, index) => {
    const row = Math.floor(index / perRow);
    const along = index % perRow;
    const column = row % 2 === 0 ? along : perRow - 1 - along;
    places.set(id, { x: column * (widest + (order.length <= 3 ? FEW_GAP : CHAIN_GAP)), y: row * 190 });
  });
  return places;
}

function ring(order) {
  const rx = Math.max(330, (order.length * RING_SLOT) / (2 * Math.PI));
  const places = new Map();
  order.forEach((id, index) => {
    const angle = (index / order.length) * 2 * Math.PI - Math.PI / 2;
    places.set(id, { x: rx * Math.cos(angle), y: rx * SQUASH * Math.sin(angle) });
  });
  return places;
}

/** The box in the middle: a bridge before a mere namespace, many links before few, then by name. */
export function hub(part, near, boxes) {
  const weight = (id) => near.get(id).length + (boxes.get(id).isHub && near.get(id).length > 2 ? 1000 : 0);
  return part.reduce((best, id) => (weight(id) > weight(best) ? id : best), part[0]);
}

function spanningTree(root, near) {
  const children = new Map([[root, []]]);
  const order = [root];
  for (const id of order) {
    for (const next of near.get(id)) {
      if (children.has(next)) continue;
      children.set(next, []);
      children.get(id).push(next);
      order.push(next);
    }
  }
  const leaves = new Map();
  for (const id of [...order].reverse()) {
    leaves.set(id, children.get(id).reduce((sum, child) => sum + leaves.get(child), 0) || 1);
  }
  return { children, leaves };
}

/** Gives each box of a tree its part of the circle, by the number of its leaves. Returns depth and angle by name. */
function angles(root, tree) {
  const at = new Map([[root, { depth: 0, angle: -Math.PI / 2 }]]);
  const queue = [[root, -Math.PI, Math.PI, 0]];
  for (const [id, from, to, depth] of queue) {
    let start = from;
    for (const child of tree.children.get(id)) {
      const width = ((to - from) * tree.leaves.get(child)) / tree.leaves.get(id);
      at.set(child, { depth: depth + 1, angle: start + width / 2 });
      queue.push([child, start, start + width, depth + 1]);
      start += width;
    }
  }
  return at;
}

/** More boxes than this on one ring stand on two ellipses in turn, so that the picture does not get too wide. */
const STAGGERED_BEYOND = 26;

/** The radii of each ring, inner and outer: wide enough for its boxes, and a step outside the ring before. */
function radii(rings, total) {
  const slot = total <= STAGGERED_BEYOND ? WIDE_SLOT : NARROW_SLOT;
  let before = 0;
  return rings.map((angles, depth) => {
    if (depth === 0) return { inner: 0, outer: 0 };
    const sorted = [...angles].sort((one, other) => one - other);
    const gaps = sorted.slice(1).map((angle, index) => angle - sorted[index]);
    const needed = slot / Math.min((2 * Math.PI) / sorted.length, ...gaps);
    const isStaggered = sorted.length > STAGGERED_BEYOND;
    const inner = Math.max(before + RING_STEP, isStaggered ? needed / 2 : needed);
    before = isStaggered ? Math.max(inner + 0.7 * RING_STEP, needed / 1.7) : inner;
    return { inner, outer: before };
  });
}

/** Rings around the hub, each box in the direction of its parent. */
function rings(part, near, boxes) {
  const root = hub(part, near, boxes);
  const at = angles(root, spanningTree(root, near));
  const byDepth = [];
  for (const { depth, angle } of at.values()) (byDepth[depth] ??= []).push(angle);
  const radius = radii(byDepth, part.length);
  const placed = byDepth.map(() => 0);
  const places = new Map();
  for (const [id, { depth, angle }] of at) {
    const r = placed[depth]++ % 2 === 0 ? radius[depth].inner : radius[depth].outer;
    places.set(id, { x: r * Math.cos(angle), y: r * SQUASH * Math.sin(angle) });
  }
  return places;
}

/** Places one connected part around its own middle. */
export function placePart(part, near, boxes, edges) {
  const degrees = part.map((id) => near.get(id).length);
  const [links, most] = [edgeCount(part, near), Math.max(...degrees)];
  if (part.length <= 2 || (most <= 2 && links === part.length - 1)) return chain(walk(part, near), boxes);
  if (most <= 2) return ring(walk(part, near));
  if (links === (part.length * (part.length - 1)) / 2) return ring(part);
  const isTree = links < part.length;
  const isStar = most === part.length - 1;
  if (isTree && part.length > FEW_BOXES && !isStar) return nestedBlocks(hub(part, near, boxes), near, boxes);
  if (isTree && most <= FEW_NEIGHBOURS) return spine(part, near, boxes);
  const places = rings(part, near, boxes);
  return isTree ? places : relax(places, part, boxes, edges);
}

function extent(places, boxes) {
  const bounds = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const [id, { x, y }] of places) {
    const { w, h } = boxes.get(id);
    bounds.left = Math.min(bounds.left, x - w / 2);
    bounds.right = Math.max(bounds.right, x + w / 2);
    bounds.top = Math.min(bounds.top, y - h / 2);
    bounds.bottom = Math.max(bounds.bottom, y + h / 2);
  }
  return bounds;
}

/** Puts the parts beside one another in rows, the largest first. */
function pack(placed, boxes) {
  const sizes = placed.map((places) => extent(places, boxes));
  const area = sizes.reduce((sum, of) => sum + (of.right - of.left + PART_GAP) * (of.bottom - of.top + PART_GAP), 0);
  const widest = Math.max(Math.sqrt(area) * 1.5, ...sizes.map((of) => of.right - of.left));
  const all = new Map();
  let [x, y, height] = [0, 0, 0];
  placed.forEach((places, index) => {
    const of = sizes[index];
    if (x > 0 && x + of.right - of.left > widest) [x, y, height] = [0, y + height + PART_GAP, 0];
    for (const [id, place] of places) all.set(id, { x: place.x - of.left + x, y: place.y - of.top + y });
    x += of.right - of.left + PART_GAP;
    height = Math.max(height, of.bottom - of.top);
  });
  return all;
}

/** Turns a picture that is wide into one that is high, for a telephone. */
function turned(places) {
  return new Map([...places].map(([id, { x, y }]) => [id, { x: y * TURNED.x, y: x * TURNED.y }]));
}

/** Returns the place of the middle of each box, by name. Of a screen, it matters only whether it is higher than wide. */
export function layout(list, edges, { isTall = false } = {}) {
  if (list.length === 0) return new Map();
  const boxes = new Map(list.map((box) => [box.id, box]));
  const near = adjacency(list, edges);
  const placed = parts(near).map((part) => placePart(part, near, boxes, edges));
  return pack(isTall ? placed.map(turned) : placed, boxes);
}

function overlaps(place, box, places, boxes) {
  for (const [id, other] of places) {
    const { w, h } = boxes.get(id) ?? { w: 0, h: 0 };
    if (Math.abs(place.x - other.x) < (box.w + w) / 2 + 30 && Math.abs(place.y - other.y) < (box.h + h) / 2 + 30) {
      return true;
    }
  }
  return false;
}

/** Returns a free place for a new box near its neighbours, or beside everything without one. Moves no other box. */
export function placeNew(box, nearby, places, boxes) {
  const known = nearby.map((id) => places.get(id)).filter(Boolean);
  const all = extent(places, boxes);
  const middle = { x: (all.left + all.right) / 2, y: (all.top + all.bottom) / 2 };
  const anchor = known[0] ?? { x: all.right, y: middle.y };
  const outward = Math.atan2(anchor.y - middle.y || 1e-6, anchor.x - middle.x || 1e-6);
  for (let ring = 1; ring < 60; ring++) {
    for (let turn = 0; turn < 12; turn++) {
      const angle = outward + (turn % 2 === 0 ? 1 : -1) * Math.ceil(turn / 2) * (Math.PI / 6);
      const radius = 150 + ring * 70;
      const place = { x: anchor.x + radius * Math.cos(angle), y: anchor.y + radius * SQUASH * Math.sin(angle) };
      if (!overlaps(place, box, places, boxes)) return place;
    }
  }
  return { x: all.right + box.w, y: middle.y };
}

/** Returns places for all boxes: those that are known stay, new ones are added in order of their names. */
export function extend(list, edges, before) {
  const boxes = new Map(list.map((box) => [box.id, box]));
  const near = adjacency(list, edges);
  const places = new Map();
  for (const box of list) if (before.has(box.id)) places.set(box.id, before.get(box.id));
  if (places.size === 0) return layout(list, edges);
  const isNew = list.filter((box) => !places.has(box.id));
  for (const box of isNew.sort((one, other) => byName(one.id, other.id))) {
    places.set(box.id, placeNew(box, near.get(box.id), places, boxes));
  }
  return places;
}
