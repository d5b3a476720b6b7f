// The way of a line between two boxes, and where its label has room. Pure: places in, paths out.

/** Half of the distance between the two directions of a link. Packets keep to the right, as on a road. */
const LANE = 4.5;
const BEND = 64;
const MARGIN = 3;
const STUB = 150;

/** Size of a label's card, which label placement keeps free. */
export const LABEL = { w: 156, h: 40, rate: 82, size: 11 };

/** Makes labels as wide as the widest figures in the font that is there. */
export function fitLabels(widthOf) {
  LABEL.rate = Math.ceil(24 + widthOf('9.99 Mbit/s', LABEL.size));
  LABEL.w = Math.ceil(LABEL.rate + 12 + widthOf('99.9 / 99.9 µs', LABEL.size) + 9);
}

const COMPASS = ['→', '↘', '↓', '↙', '←', '↖', '↑', '↗'];

/** Returns the arrow that points as the direction from one place to another. */
export function arrow(from, to) {
  const turn = Math.atan2(to.y - from.y, to.x - from.x) / (Math.PI / 4);
  return COMPASS[((Math.round(turn) % 8) + 8) % 8];
}

/** Returns where the line from the middle of a box towards a point leaves the box. */
export function border(box, place, towards) {
  const dx = towards.x - place.x;
  const dy = towards.y - place.y;
  if (dx === 0 && dy === 0) return { ...place };
  const scale = 1 / Math.max(Math.abs(dx) / (box.w / 2 + MARGIN), Math.abs(dy) / (box.h / 2 + MARGIN));
  return { x: place.x + dx * Math.min(1, scale), y: place.y + dy * Math.min(1, scale) };
}

/** Returns the unit vector to the right of travel. The axis of y points down. */
function right(from, to) {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  return { x: -(to.y - from.y) / length, y: (to.x - from.x) / length };
}

function moved(point, by, amount) {
  return { x: point.x + by.x * amount, y: point.y + by.y * amount };
}

function number(value) {
  return Math.round(value * 10) / 10;
}

function curve(a, control, b) {
  return `M${number(a.x)} ${number(a.y)}Q${number(control.x)} ${number(control.y)} ${number(b.x)} ${number(b.y)}`;
}

/** Returns the point at `t` of 0 to 1. */
export function pointAt(route, t) {
  const [p, q, r] = [(1 - t) ** 2, 2 * t * (1 - t), t ** 2];
  return {
    x: route.a.x * p + route.control.x * q + route.b.x * r,
    y: route.a.y * p + route.control.y * q + route.b.y * r,
  };
}

function lanes(a, control, b) {
  const side = right(a, b);
  const lane = (from, to, sign) =>
    curve(moved(from, side, sign * LANE), moved(control, side, sign * LANE), moved(to, side, sign * LANE));
  return { a, control, b, aToB: lane(a, b, 1), bToA: lane(b, a, -1), middle: curve(a, control, b) };
}

function loop(box, place) {
  const top = place.y - box.h / 2 - MARGIN;
  const [a, b] = [{ x: place.x - 26, y: top }, { x: place.x + 26, y: top }];
  return lanes(a, { x: place.x, y: top - 120 }, b);
}

/** A line whose peer is not known ends in the open. */
function stub(box, place, slot) {
  const angle = Math.PI / 2 + (slot % 2 === 0 ? -1 : 1) * (0.35 + 0.3 * Math.floor(slot / 2));
  const end = { x: place.x + STUB * Math.cos(angle), y: place.y + box.h / 2 + (STUB * Math.sin(angle)) / 1.6 };
  const start = border(box, place, end);
  return { ...lanes(start, { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 }, end), isOpen: true };
}

/** Returns the route of a line: its ends, both lanes as paths, and the middle as a path. */
export function route(line, boxes, places) {
  const [from, fromPlace] = [boxes.get(line.from), places.get(line.from)];
  if (line.to === null) return stub(from, fromPlace, line.slot);
  if (line.to === line.from) return loop(from, fromPlace);
  const [to, toPlace] = [boxes.get(line.to), places.get(line.to)];
  const sign = line.from < line.to ? 1 : -1;
  const offset = (line.slot - (line.slots - 1) / 2) * BEND * sign * 2;
  const half = { x: (fromPlace.x + toPlace.x) / 2, y: (fromPlace.y + toPlace.y) / 2 };
  const control = moved(half, right(fromPlace, toPlace), offset);
  return lanes(border(from, fromPlace, control), control, border(to, toPlace, control));
}

/** A line is level if it rises less than this for each step. */
const LEVEL = 0.3;
const BESIDE = 13;
const POSITIONS = [0.5, 0.44, 0.56, 0.38, 0.62, 0.32, 0.68, 0.26, 0.74];

function isFree(place, { w, h }, taken) {
  return taken.every(
    (other) => Math.abs(place.x - other.x) >= (w + other.w) / 2 || Math.abs(place.y - other.y) >= (h + other.h) / 2,
  );
}

/** Returns places for a label along a line, the best first: beside a line that is about level, else on it. */
function candidates(of, { h }) {
  const [dx, dy] = [of.b.x - of.a.x, of.b.y - of.a.y];
  const points = POSITIONS.map((t) => pointAt(of, t));
  if (Math.abs(dy) > LEVEL * Math.abs(dx)) return points;
  const bend = of.control.y - (of.a.y + of.b.y) / 2;
  const side = bend > 1 ? 1 : -1;
  return [side, -side].flatMap((sign) => points.map(({ x, y }) => ({ x, y: y + sign * (h / 2 + BESIDE) })));
}

/** Returns a place for the label of each line that does not cover a box or another label; null where there is none. */
export function labelPlaces(lines, routes, boxes, places, scale = 1) {
  const size = { w: LABEL.w * scale, h: LABEL.h * scale };
  const taken = [...places].filter(([id]) => boxes.has(id)).map(([id, { x, y }]) => ({ x, y, w: boxes.get(id).w, h: boxes.get(id).h }));
  const found = new Map();
  for (const line of lines) {
    const of = routes.get(line.id);
    const free = candidates(of, size).find((place) => isFree(place, size, taken));
    found.set(line.id, free ?? null);
    if (free) taken.push({ ...free, w: size.w + 6, h: size.h + 6 });
  }
  return found;
}
