// Blocks of a panel that are made of one answer of the API: pure functions from its JSON to elements.

import { html } from './dom.js';
import { age, bitsPerSecond, bytes, count, duration, NONE, share } from './format.js';

/** A table with a caption for those who hear it. The first column is text, the rest are numbers unless told otherwise. */
export function grid(caption, heads, rows, texts = 1) {
  const cell = (tag) => (value, index) => html(tag, { class: index >= texts ? 'number' : null, scope: tag === 'th' ? 'col' : null }, value);
  const reach = heads.length > 4 ? { tabindex: 0, role: 'region', 'aria-label': `${caption}, scrollable` } : {};
  return html('div', { class: 'scroll', ...reach }, html('table', { 'aria-label': caption },
    html('thead', {}, html('tr', {}, ...heads.map(cell('th')))),
    html('tbody', {}, ...rows.map((row) => html('tr', {}, ...row.map(cell('td')))))));
}

function note(text) {
  return html('p', { class: 'note' }, text);
}

/** A round trip as a bar of its three parts, in proportion. */
export function roundTrip(title, parts, from, to) {
  const pieces = [['forward', parts.forward, `${from} → ${to}`], ['turnaround', parts.turnaround, `inside ${to}`], ['return', parts.return, `${to} → ${from}`]];
  const bar = html('div', { class: 'stack', role: 'img', 'aria-label': `${title}: ${pieces.map(([, part, what]) => `${what} ${duration(part.mean_ns)}`).join(', ')}` });
  for (const [name, part] of pieces) {
    const piece = html('span', { class: name });
    piece.style.flexGrow = String(Math.max(part.mean_ns, parts.sum_ns / 200));
    bar.append(piece);
  }
  const key = pieces.map(([name, part, what]) =>
    html('li', { class: name }, html('i', {}), html('span', {}, what), html('b', {}, duration(part.mean_ns))));
  const doubt = parts.same_packets ? null : note(`Other packets crossed as well, so the means need not add up: they differ by ${duration(Math.abs(parts.difference_ns))}.`);
  return html('div', { class: 'round-trip' },
    html('p', { class: 'total' }, title, html('b', {}, duration(parts.round_trip.mean_ns)), html('span', {}, `mean of ${count(parts.round_trip.samples)}`)),
    bar, html('ul', {}, ...key), doubt);
}

/** All round trips of a link: the recent ones where there are any, else those since the agent began. */
export function roundTrips(link) {
  const found = [];
  const [a, b] = [link.a.namespace, link.b?.namespace];
  for (const [seen, from, to] of [['seen_from_a', a, b], ['seen_from_b', b, a]]) {
    for (const [kind, title] of [['icmp', 'Ping'], ['tcp_handshake', 'TCP handshake']]) {
      const parts = link.round_trip_parts?.[seen]?.[`recent_${kind}`] ?? link.round_trip_parts?.[seen]?.[kind];
      const isRecent = Boolean(link.round_trip_parts?.[seen]?.[`recent_${kind}`]);
      if (parts) found.push(roundTrip(`${title} from ${from}${isRecent ? '' : ', since the agent began'} `, parts, from, to));
    }
  }
  return found.length > 0 ? found : [note('No ping and no TCP connection was opened across this link yet.')];
}

/** The two parts of one-way latency. Null where hooks measure, which see only the whole. */
export function queueAndCrossing(link) {
  const ways = [[link.a_to_b, link.a, link.b], [link.b_to_a, link.b, link.a]].filter(([way]) => way?.queue && way.crossing);
  if (ways.length === 0) return null;
  const times = ({ p50_ns: p50, p99_ns: p99 }) => [p50, p99].map((ns) => (ns === null ? NONE : duration(ns)));
  const rows = ways.map(([way, from, to]) => [`${from.namespace} → ${to.namespace}`, ...times(way.queue), ...times(way.crossing)]);
  return [grid('Latency in parts', ['Direction', 'queue, median', 'p99', 'crossing, median', 'p99'], rows)];
}

/** Packets and bytes by protocol, both directions. */
export function protocols(link) {
  const ways = [link.a.egress.protocols, link.b?.egress.protocols ?? {}];
  const names = Object.keys(ways[0]).filter((name) => ways.some((way) => way[name]?.packets > 0));
  if (names.length === 0) return [note('No packets yet.')];
  const rows = names.map((name) => [name.toUpperCase(), ...ways.flatMap((way) => [count(way[name]?.packets ?? 0), bytes(way[name]?.bytes ?? 0)])]);
  const heads = ['Protocol', `from ${link.a.namespace}`, 'bytes', `from ${link.b?.namespace ?? 'peer'}`, 'bytes'];
  return [grid('Packets by protocol', heads, rows)];
}

function drops(end) {
  if (end.dropped_packets === null) return [];
  return Object.entries(end.dropped_packets).map(([reason, dropped]) => [`${end.namespace} · ${end.interface}`, reason, count(dropped)]);
}

/** Packets that the kernel dropped, by its reason. */
export function dropTable(ends) {
  const known = ends.filter(Boolean);
  if (known.every((end) => end.dropped_packets === null)) return [note('This kernel does not report drops.')];
  const rows = known.flatMap(drops);
  return rows.length === 0 ? [note('None.')] : [grid('Dropped packets', ['Where', 'Reason', 'Packets'], rows, 2)];
}

function auditRow(end, name) {
  const { audit } = end[name];
  if (!audit) return [`${end.interface} ${name}`, NONE, NONE, NONE, 'not compared yet'];
  const explained = Object.values(audit.explained_packets).reduce((sum, one) => sum + one, 0);
  const verdict = audit.difference_packets === 0 ? '✓ equal' : `✕ ${count(audit.difference_packets)}`;
  return [`${end.namespace} · ${end.interface} ${name}`, count(audit.hook_packets), count(audit.kernel_packets), count(explained), verdict];
}

/** netmon's count of each hook beside the kernel's own. */
export function audit(link) {
  const rows = [link.a, link.b].filter(Boolean).flatMap((end) => ['ingress', 'egress'].map((name) => auditRow(end, name)));
  return [grid('Audit', ['Hook', 'netmon', 'kernel', 'explained', 'difference'], rows)];
}

function impairmentRows(direction, title) {
  if (!direction?.impairment) return [];
  const { declared, measured } = direction.impairment;
  const ppm = (value) => (value === null ? NONE : share(value / 1e6));
  const rows = [
    ['delay', declared.delay_ns && duration(declared.delay_ns), measured.delay_ns === null ? NONE : duration(measured.delay_ns)],
    ['jitter', declared.jitter_ns && duration(declared.jitter_ns), NONE],
    ['loss', declared.loss_ppm && ppm(declared.loss_ppm), ppm(measured.loss_ppm)],
    ['rate', declared.rate_bits_per_second && bitsPerSecond(declared.rate_bits_per_second), bitsPerSecond(measured.rate_bits_per_second)],
  ];
  return rows.filter(([, of]) => of).map(([what, of, seen]) => [title, what, of, seen]);
}

/** What is imposed on purpose, beside what was measured. */
export function impairment(link) {
  const [a, b] = [link.a.namespace, link.b?.namespace];
  const rows = [...impairmentRows(link.a_to_b, `${a} → ${b}`), ...impairmentRows(link.b_to_a, `${b} → ${a}`)];
  return rows.length === 0 ? null : [grid('Impairment', ['Direction', 'What', 'declared', 'measured'], rows, 2)];
}

/** The busiest connections on a link, each once. */
export function connections(answer, link) {
  if (!answer) return [note('Not known at the moment.')];
  if (answer.table.capacity === 0 && answer.udp_table.capacity === 0) return [note('Connections are not followed (--flow-entries 0).')];
  const seen = answer.flows.filter((flow) => flow.namespace === link.a.namespace && flow.interface === link.a.interface);
  if (seen.length === 0) return [note('None.')];
  const rows = seen.slice(0, 50).map((flow) => [
    `${flow.local} ${flow.opened_by === 'remote' ? '←' : flow.opened_by === 'local' ? '→' : '↔'} ${flow.remote}`,
    flow.protocol, flow.state, bytes(flow.egress.bytes), bytes(flow.ingress.bytes), flow.rtt_ns === null ? NONE : duration(flow.rtt_ns),
    flow.protocol === 'udp' ? NONE : count(flow.egress.retransmits + flow.ingress.retransmits), age(flow.idle_ns),
  ]);
  return [grid('Connections', ['Connection', 'Protocol', 'State', 'out', 'in', 'RTT', 'retrans.', 'idle'], rows, 3)];
}

/** Commands with a button each that copies. */
export function commandList(commands, onCopied) {
  const item = ([title, command]) => {
    const button = html('button', { type: 'button', 'aria-label': `Copy: ${command}` }, 'Copy');
    button.addEventListener('click', () => copy(command, button, onCopied));
    return html('li', {}, html('span', {}, title), html('code', {}, command), button);
  };
  return html('ul', { class: 'commands' }, ...commands.map(item));
}

async function copy(command, button, onCopied) {
  const worked = await writeClipboard(command);
  button.textContent = worked ? 'Copied' : 'Select it';
  onCopied(worked ? 'Copied' : 'The browser does not allow copying: select the text');
  setTimeout(() => (button.textContent = 'Copy'), 1500);
}

async function writeClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
