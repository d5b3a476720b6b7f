// Reads the JSON of a trace (`netmon trace -o json`) into what the page draws. Pure.

import { clock, duration } from './format.js';

/** Returns the name of a rung for people. */
function nameOf({ what, name }) {
  return { link: `link ${name}`, namespace: `inside ${name}`, application: `application in ${name}`, asking: `asking program in ${name}` }[what] ?? `not seen: ${name}`;
}

function toRung(rung, longest) {
  const place = (at) => (at ? `${at.namespace} ${at.interface} ${at.hook}` : '');
  return {
    what: rung.what,
    name: nameOf(rung),
    leg: rung.leg,
    isBack: rung.back,
    way: `${place(rung.from)} → ${place(rung.to)}`,
    since: rung.since_start_ns,
    took: rung.took_ns,
    median: rung.median_ns,
    worst: rung.worst_ns,
    share: longest > 0 ? rung.took_ns / longest : 0,
  };
}

function lossWords(loss) {
  if (!loss) return null;
  const { last, dropped, error } = loss;
  const parts = [`${loss.runs} did not arrive`];
  if (last) parts.push(`last seen at ${last.namespace} ${last.interface} ${last.hook}`);
  if (dropped) parts.push(`the kernel dropped it${dropped.namespace ? ` in ${dropped.namespace}` : ''}: ${dropped.reason}`);
  if (error) parts.push(error);
  return `${parts.join('; ')}.`;
}

/** The sum, and beside it what the asking program itself measured. */
function equation({ total, asking }) {
  if (!total) return null;
  const sum = `The rungs add up to ${duration(total.typical_ns)}, from the first hook to the last.`;
  if (!asking) return sum;
  return `${sum} The asking program measured ${duration(asking.typical_ns)}: ${duration(asking.before_ns)} before the first hook, ${duration(asking.after_ns)} after the last.`;
}

/** Returns what the panel of a trace shows. */
export function readTrace(trace) {
  const longest = Math.max(0, ...trace.rungs.map((rung) => rung.took_ns));
  const rungs = trace.rungs.map((rung) => toRung(rung, longest));
  const target = trace.to.asked ?? trace.to.address;
  return {
    title: `${trace.from.namespace} → ${target}`,
    subtitle: `${trace.traffic.toUpperCase()} to ${trace.to.address}, ${trace.arrived} of ${trace.sent} arrived, ${clock(trace.taken_at_unix_ms)}`,
    sentences: trace.sentences ?? [],
    equation: equation(trace),
    loss: lossWords(trace.loss),
    rungs,
    slowest: rungs.findIndex((rung) => rung.share === 1),
  };
}

function add(map, key, text) {
  map.set(key, map.has(key) ? `${map.get(key)}  ${text}` : text);
}

/** Returns the words that a trace puts on the picture: by link and by namespace. */
export function marks(trace) {
  const [links, namespaces] = [new Map(), new Map()];
  const inside = new Map();
  for (const rung of trace.rungs) {
    if (rung.what === 'link') add(links, rung.name, `${rung.back ? '←' : '→'} ${duration(rung.took_ns)}`);
    else if (rung.what !== 'unseen') inside.set(rung.name, (inside.get(rung.name) ?? 0) + rung.took_ns);
  }
  for (const [name, ns] of inside) namespaces.set(name, `${duration(ns)} inside`);
  if (!namespaces.has(trace.from.namespace)) namespaces.set(trace.from.namespace, 'starts here');
  const lost = trace.loss?.last;
  if (lost) namespaces.set(lost.namespace, '✕ last seen here');
  return { links, namespaces };
}
