const { layout, extend } = await load('layout');
const { build } = await load('graph');
const { route, labelPlaces, arrow } = await load('geometry');
const star = (leaves) => Array.from({ length: leaves }, (_, index) => ['root', `n${index + 1}`]);
const chain = (length) => Array.from({ length }, (_, index) => [`n${index}`, `n${index + 1}`]);
const mesh = ['a', 'b', 'c', 'd', 'e'].flatMap((one, index, all) => all.slice(index + 1).map((other) => [one, other]));
const cyclic = [...star(6), ['n1', 'n2'], ['n3', 'n4'], ['n1', 'm1'], ['m1', 'm2']];

async function drawn(pairs) {
  const graph = build(await modelOf(pairs));
  const edges = graph.lines.filter((line) => line.to).map((line) => [line.from, line.to]);
  return { graph, edges, boxes: new Map(graph.boxes.map((box) => [box.id, box])), places: layout(graph.boxes, edges) };
}

function overlapping({ graph, places }) {
  return graph.boxes.flatMap((one, index) => graph.boxes.slice(index + 1).filter((other) => {
    const [a, b] = [places.get(one.id), places.get(other.id)];
    return Math.abs(a.x - b.x) < (one.w + other.w) / 2 && Math.abs(a.y - b.y) < (one.h + other.h) / 2;
  }).map((other) => `${one.id} ${other.id}`));
}

const shapes = { one: [['root', 'red']], star: star(20), many: star(500), chain: chain(12), mesh, cyclic, ring: [...chain(6), ['n6', 'n0']], apart: [['a', 'b'], ['c', 'd']], open: [['a', null]], tree: Array.from({ length: 200 }, (_, index) => [`n${Math.floor(index / 7)}`, `n${index + 1}`]) };
for (const [name, pairs] of Object.entries(shapes)) {
  const first = await drawn(pairs);
  const second = await drawn([...pairs]);
  equal([...first.places], [...second.places], `${name} is laid out the same each time`);
  equal(overlapping(first), [], `no boxes overlap in ${name}`);
  const tall = { ...first, places: layout(first.graph.boxes, first.edges, { isTall: true }) };
  equal(overlapping(tall), [], `no boxes overlap in ${name} on a telephone`);
  check([...first.places.values()].every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)), `${name} has places`);
}

const straight = await drawn(chain(5));
equal(new Set([...straight.places.values()].map((place) => place.y)).size, 1, 'a chain is straight');

const before = await drawn(star(8));
const after = build(await modelOf([...star(8), ['n3', 'new'], ['lonely', null]]));
const edges = after.lines.filter((line) => line.to).map((line) => [line.from, line.to]);
const extended = extend(after.boxes, edges, before.places);
equal([...before.places].every(([id, place]) => extended.get(id) === place), true, 'a new box moves no other');
equal(overlapping({ graph: after, places: extended }), [], 'a new box covers no other');

const many = await modelOf(star(500));
const folded = build(many);
equal([folded.boxes.length, folded.lines.length], [26, 25], 'leaves beyond a few dozen fold into one box');
const fold = folded.boxes.find((box) => box.kind === 'fold');
equal([fold.title, fold.members.length], ['476 more', 476], 'the fold says how many');
equal(folded.lines.find((line) => line.kind === 'fold').members.length, 476, 'and its line has all their links');
const pulled = build(many, new Set(['n499']));
equal([pulled.boxes.some((box) => box.id === 'n499'), pulled.boxes.length], [true, 27], 'what was asked for is pulled out');
equal(build(await modelOf(star(60))).boxes.length, 61, 'up to 60 leaves are all drawn');

const twins = build(await modelOf([['a', 'b'], ['b', 'a']]));
const twinPlaces = layout(twins.boxes, [['a', 'b']]);
const twinBoxes = new Map(twins.boxes.map((box) => [box.id, box]));
const ways = twins.lines.map((line) => route(line, twinBoxes, twinPlaces));
check(ways[0].control.y !== ways[1].control.y, 'two links between the same boxes are drawn apart');
const labels = labelPlaces(twins.lines, new Map(twins.lines.map((line, index) => [line.id, ways[index]])), twinBoxes, twinPlaces);
check([...labels.values()].every(Boolean), 'both have room for a label');
equal([arrow({ x: 0, y: 0 }, { x: 5, y: 0 }), arrow({ x: 0, y: 0 }, { x: 0, y: 5 }), arrow({ x: 0, y: 0 }, { x: -5, y: -5 })], ['→', '↓', '↖'], 'arrows point as on the screen');

const { towards } = await load('picture_keys');
const around = [['east', { x: 10, y: 1 }], ['north', { x: 0, y: -10 }]];
equal([towards({ x: 0, y: 0 }, 0, around), towards({ x: 0, y: 0 }, -Math.PI / 2, around), towards({ x: 0, y: 0 }, Math.PI, around)], ['east', 'north', null], 'arrow keys');

const { fitted, zoomed } = await load('viewport');
equal(fitted({ left: 0, top: 0, right: 100, bottom: 100 }, 1000, 1000), { scale: 1.25, x: 437.5, y: 437.5 }, 'a small lab is not blown up');
const view = zoomed({ scale: 1, x: 0, y: 0 }, 2, 50, 50);
equal(view, { scale: 2, x: -50, y: -50 }, 'a zoom keeps the point under the pointer');
