const { History, mergeRows, addOctaves } = await load('history');
const { columnsOf, heat, octaveTotals } = await load('series');
const model = await modelOf([['root', 'red']]);
const { direction } = model.columns;
const row = (packets, p50, octaves) => [100, packets, packets * 98, packets, 0, 0, packets, packets * 10000, p50, p50 * 2, p50 * 3, octaves];

equal(addOctaves([10, 1, 2], [12, 5]), [10, 1, 2, 5], 'octaves side by side');
equal(addOctaves([], [12, 5]), [12, 5], 'no samples add nothing');
const merged = mergeRows(row(2, 1000, [9, 2]), row(6, 2000, [10, 6]), direction);
equal([merged[direction.packets], merged[direction.p50_ns], merged[direction.p99_ns], merged[direction.octaves]], [8, 1750, 4000, [9, 2, 6]], 'merged');
equal(mergeRows(null, row(1, 1, []), direction)[1], 1, 'what was not known adds nothing');

const history = new History();
history.setScheme(model);
const start = 1_700_000_000_000;
for (let second = 0; second < 1200; second++) {
  history.add({ t: start + second * 1000, window_ms: 1000, links: [[row(3, 5000, [12, 3]), null, [0, 0, 0, 0, 0, 0], null]] });
}
const points = history.of('link1');
check(points.length > 190 && points.length < 210, `the history is bounded: ${points.length} points`);
check(start + 1199_000 - points[0].t <= 900_000, 'nothing is older than 15 minutes');
equal(points.slice(-100).every((point) => point.windowMs === 1000), true, 'the last two minutes are seconds');
const columns = columnsOf(points);
check(columns['aToB.packets'].every((rate) => Math.abs(rate - 3) < 0.01), 'a merge keeps rates');
equal(columns['bToA.p50'].every((value) => value === null), true, 'what is not known stays null');
equal(octaveTotals(points.slice(-2), 'aToB'), [[12, 6]], 'samples by octave');
equal([heat(points, 'aToB').lowest, heat(points, 'bToA').highest], [12, null], 'octaves in use');
history.add({ t: start, window_ms: 1000, links: [null] });
equal(history.of('link1').length, points.length, 'a second that is known is not added again');
equal(history.of('other'), [], 'a link without history');

const { darkness, rowsOf } = await load('heatmap');
equal([darkness(0, 9), darkness(9, 9)], [0, 1], 'darker is more');
equal(rowsOf({ lowest: 12, highest: 13 }), [10, 15], 'a few rows at least');
