// A short relaxation by d3-force (vendor/, a classic script, hence the global name) of a part that has cycles.
//
// d3-force depends on the order of its input only: both lists are sorted, so the result is the same each time.

/* global d3 */

const TICKS = 140;
const TICKS_OF_MANY = 50;
const MANY = 200;

/** Moves the boxes of one part apart, from the given places. Returns new places. */
export function relax(places, part, boxes, edges) {
  const nodes = part.map((id) => ({ id, ...places.get(id), size: Math.hypot(boxes.get(id).w, boxes.get(id).h) / 2 }));
  const inside = new Set(part);
  const links = edges
    .filter(([a, b]) => a !== b && inside.has(a) && inside.has(b))
    .sort()
    .map(([source, target]) => ({ source, target }));
  const simulation = d3
    .forceSimulation(nodes)
    .force('links', d3.forceLink(links).id((node) => node.id).distance(270).strength(0.5))
    .force('apart', d3.forceManyBody().strength(-1400).distanceMax(900))
    .force('boxes', d3.forceCollide((node) => node.size + 26))
    .force('flat', d3.forceY(0).strength(0.05))
    .stop();
  simulation.tick(part.length > MANY ? TICKS_OF_MANY : TICKS);
  return new Map(nodes.map(({ id, x, y }) => [id, { x, y }]));
}
