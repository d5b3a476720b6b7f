// From the history of a link to the columns of charts. Pure.

function at(rows, index, columns, name) {
  const row = rows[index];
  return row ? (row[columns[name]] ?? null) : null;
}

function rate(value, windowMs) {
  return value === null ? null : (value / windowMs) * 1000;
}

function mean(sum, count) {
  return count ? sum / count : null;
}

/** Returns columns by name, each as long as `time`, which is in seconds. */
export function columnsOf(points) {
  const found = { time: points.map((point) => point.t / 1000) };
  const column = (name, value) => (found[name] = points.map(value));
  [['aToB', 0], ['bToA', 1]].forEach(([way, index]) => {
    const of = (name) => ({ rows, columns }) => at(rows, index, columns.direction, name);
    column(`${way}.bits`, (point) => rate(of('wire_bytes')(point), point.windowMs / 8));
    column(`${way}.packets`, (point) => rate(of('packets')(point), point.windowMs));
    column(`${way}.lost`, (point) => rate(of('lost')(point), point.windowMs));
    column(`${way}.p50`, of('p50_ns'));
    column(`${way}.p99`, of('p99_ns'));
    column(`${way}.max`, of('max_bound_ns'));
  });
  [['endA', 2], ['endB', 3]].forEach(([end, index]) => {
    const of = ({ rows, columns }, name) => at(rows, index, columns.end, name);
    column(`${end}.icmp`, (point) => mean(of(point, 'icmp_sum_ns'), of(point, 'icmp_count')));
    column(`${end}.tcp`, (point) => mean(of(point, 'tcp_rtt_sum_ns'), of(point, 'tcp_rtt_count')));
    column(`${end}.retransmits`, (point) => rate(of(point, 'retransmits'), point.windowMs));
  });
  return found;
}

/** Returns whether a column has a value that is worth a chart. */
export function hasData(column) {
  return column.some((value) => value !== null && value !== undefined);
}

/** Returns the cells of a heat map: `{ t, windowMs, counts: [[exponent, count]..] }` a point, and the exponents in use. */
export function heat(points, way) {
  const index = way === 'aToB' ? 0 : 1;
  let [lowest, highest] = [Infinity, -Infinity];
  const cells = points.map((point) => {
    const [first, ...counts] = at(point.rows, index, point.columns.direction, 'octaves') ?? [];
    if (counts.length > 0) [lowest, highest] = [Math.min(lowest, first), Math.max(highest, first + counts.length - 1)];
    return { t: point.t, windowMs: point.windowMs, counts: counts.map((count, nth) => [first + nth, count]) };
  });
  return { cells, lowest, highest };
}

/** Returns the sums of a heat map by exponent, the smallest first. */
export function octaveTotals(points, way) {
  const totals = new Map();
  for (const { counts } of heat(points, way).cells) {
    for (const [exponent, count] of counts) totals.set(exponent, (totals.get(exponent) ?? 0) + count);
  }
  return [...totals].filter(([, count]) => count > 0).sort((one, other) => one[0] - other[0]);
}
