// The last 15 minutes of every link: rows as they came, merged where they are old.
//
// The agent merges histograms, and its quantiles of a merged window are exact. What this page merges by itself (only
// seconds that it saw live and that became older than two minutes) has the mean of the medians, weighted, and the
// largest p99 and maximum. The next stream replaces both by the agent's.

const KEPT_MS = 15 * 60 * 1000;
const FINE_MS = 2 * 60 * 1000;
const COARSE_MS = 10 * 1000;

const LAST = new Set(['packets_total', 'lost_total']);
const LARGEST = new Set(['p99_ns', 'max_bound_ns']);

function add(one, other) {
  return one === null || other === null ? (one ?? other) : one + other;
}

function largest(one, other) {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
}

/** Adds rows `[first, n, n, ...]` of samples by octave. */
export function addOctaves(one, other) {
  if (one.length === 0 || other.length === 0) return one.length === 0 ? other : one;
  const first = Math.min(one[0], other[0]);
  const last = Math.max(one[0] + one.length, other[0] + other.length) - 2;
  const sum = [first, ...new Array(last - first + 1).fill(0)];
  for (const [start, ...counts] of [one, other]) {
    counts.forEach((count, index) => (sum[1 + start - first + index] += count));
  }
  return sum;
}

function median(one, other, columns) {
  const [p, n] = [columns.p50_ns, columns.latency_count];
  if (one[p] === null || other[p] === null) return one[p] ?? other[p];
  return Math.round((one[p] * one[n] + other[p] * other[n]) / (one[n] + other[n]));
}

/** Merges two rows of adjacent windows. */
export function mergeRows(one, other, columns) {
  if (!one || !other) return one ?? other ?? null;
  const merged = [...other];
  for (const [name, at] of Object.entries(columns)) {
    if (LAST.has(name)) continue;
    if (name === 'octaves') merged[at] = addOctaves(one[at], other[at]);
    else if (name === 'p50_ns') merged[at] = median(one, other, columns);
    else if (LARGEST.has(name)) merged[at] = largest(one[at], other[at]);
    else merged[at] = add(one[at], other[at]);
  }
  return merged;
}

function mergeLinks(one, other, { direction, end }) {
  if (!one || !other) return one ?? other;
  return [0, 1, 2, 3].map((at) => mergeRows(one[at], other[at], at < 2 ? direction : end));
}

function mergeFrames(one, other) {
  return {
    t: other.t,
    windowMs: one.windowMs + other.windowMs,
    scheme: other.scheme,
    links: other.links.map((link, index) => mergeLinks(one.links[index], link, other.scheme.columns)),
  };
}

/** The frames of all links, oldest first. */
export class History {
  constructor() {
    this.frames = [];
    this.scheme = null;
  }

  /** Takes the order of the links and the columns of the frames that follow. */
  setScheme(model) {
    const order = new Map(model.links.map((link) => [link.name, link.index]));
    this.scheme = { order, columns: model.columns };
  }

  clear() {
    this.frames = [];
  }

  add(frame) {
    const newest = this.frames.at(-1);
    if (newest && frame.t <= newest.t) return;
    this.frames.push({ t: frame.t, windowMs: frame.window_ms, scheme: this.scheme, links: frame.links });
    this.thin(frame.t);
  }

  /** Merges the frame that just became old into the one before it, and drops those that are too old. */
  thin(now) {
    const old = this.frames.findLastIndex((frame) => frame.t < now - FINE_MS);
    if (old > 0) {
      const [one, other] = [this.frames[old - 1], this.frames[old]];
      const fits = one.windowMs + other.windowMs <= COARSE_MS * 1.05;
      if (fits && one.scheme === other.scheme) this.frames.splice(old - 1, 2, mergeFrames(one, other));
    }
    while (this.frames.length > 0 && this.frames[0].t < now - KEPT_MS) this.frames.shift();
  }

  /** Returns what is known of one link, oldest first: `{ t, windowMs, rows, columns }`. */
  of(name) {
    const points = [];
    for (const frame of this.frames) {
      const index = frame.scheme.order.get(name);
      const rows = index === undefined ? null : frame.links[index];
      if (rows) points.push({ t: frame.t, windowMs: frame.windowMs, rows, columns: frame.scheme.columns });
    }
    return points;
  }
}
