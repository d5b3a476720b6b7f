// The lab as the stream describes it, and its latest second: plain data, without a view.

/** How many seconds of loss decide whether a link is shown as losing packets. */
const LOSS_SECONDS = 10;

/** Returns where each column of a row is. Columns are only ever added, so names are looked up once a topology. */
function positions(names) {
  return Object.fromEntries(names.map((name, index) => [name, index]));
}

/** Returns one direction of a second as an object with rates. Null if it is not known. */
export function direction(row, columns, windowMs) {
  if (!row) return null;
  const of = (name) => row[columns[name]] ?? null;
  const perSecond = (value) => (value === null ? null : (value / windowMs) * 1000);
  return {
    packetsTotal: of('packets_total'),
    packets: of('packets'),
    packetsPerSecond: perSecond(of('packets')),
    bitsPerSecond: perSecond(of('wire_bytes')) * 8,
    arrived: of('arrived_packets'),
    lostTotal: of('lost_total'),
    lost: of('lost'),
    samples: of('latency_count'),
    sumNs: of('latency_sum_ns'),
    p50: of('p50_ns'),
    p99: of('p99_ns'),
    max: of('max_bound_ns'),
    octaves: of('octaves') ?? [],
  };
}

/** Returns one end of a second as an object. Null if it is not known. */
export function end(row, columns) {
  if (!row) return null;
  const of = (name) => row[columns[name]] ?? null;
  return {
    icmpCount: of('icmp_count'),
    icmpSumNs: of('icmp_sum_ns'),
    tcpCount: of('tcp_rtt_count'),
    tcpSumNs: of('tcp_rtt_sum_ns'),
    retransmits: of('retransmits'),
    dropped: of('dropped'),
  };
}

/** Remembers the loss of the last seconds: a single lost packet stays visible long enough to be noticed. */
class RecentLoss {
  constructor() {
    this.seconds = [];
  }

  add(lost, packets) {
    this.seconds.push([lost ?? 0, packets ?? 0]);
    if (this.seconds.length > LOSS_SECONDS) this.seconds.shift();
  }

  /** Returns lost packets and their share of those that were sent. */
  sum() {
    let lost = 0;
    let packets = 0;
    for (const [one, of] of this.seconds) {
      lost += one;
      packets += of;
    }
    return { lost, share: lost === 0 ? 0 : Math.min(1, lost / Math.max(packets, lost)) };
  }
}

function linkFrom(described, index, before) {
  return {
    ...described,
    index,
    aToB: before?.aToB ?? null,
    bToA: before?.bToA ?? null,
    endA: before?.endA ?? null,
    endB: before?.endB ?? null,
    findings: null,
    loss: before?.loss ?? { aToB: new RecentLoss(), bToA: new RecentLoss() },
  };
}

/** The lab, its links by name and in order, and its probes. */
export class Model {
  constructor() {
    this.topology = null;
    this.links = [];
    this.byName = new Map();
    this.namespaces = [];
    this.probes = [];
    this.time = null;
  }

  /** Takes a topology. Returns whether it is another agent's or another lab's, so that everything drawn is outdated. */
  setTopology(topology) {
    const isNew = this.identity(topology) !== this.identity(this.topology);
    const before = isNew ? new Map() : this.byName;
    this.topology = topology;
    this.columns = {
      direction: positions(topology.columns.direction),
      end: positions(topology.columns.end),
    };
    this.links = topology.links.map((link, index) => linkFrom(link, index, before.get(link.name)));
    this.byName = new Map(this.links.map((link) => [link.name, link]));
    this.namespaces = topology.namespaces;
    this.probes = topology.probes.map((probe, index) => ({ ...this.probes[index], ...probe }));
    return isNew;
  }

  identity(topology) {
    return topology && JSON.stringify([topology.agent.started_at_unix_ms, topology.lab?.name, topology.lab?.file]);
  }

  /** Takes a second. */
  setRates(frame) {
    this.time = frame.t;
    for (const link of this.links) this.setLink(link, frame.links[link.index] ?? [], frame.window_ms);
    for (const [index, row] of (frame.probes ?? []).entries()) {
      const probe = this.probes[index];
      if (probe) [probe.lastNs, probe.failures] = row;
    }
  }

  setLink(link, [aToB, bToA, endA, endB], windowMs) {
    link.aToB = direction(aToB, this.columns.direction, windowMs);
    link.bToA = direction(bToA, this.columns.direction, windowMs);
    link.endA = end(endA, this.columns.end);
    link.endB = end(endB, this.columns.end);
    link.findings = null;
    link.loss.aToB.add(link.aToB?.lost, link.aToB?.packets);
    link.loss.bToA.add(link.bToA?.lost, link.bToA?.packets);
  }

  /** Returns the links that end in a namespace. */
  linksOf(namespace) {
    return this.links.filter((link) => link.a.namespace === namespace || link.b?.namespace === namespace);
  }

  /** Returns bridges, services and ports of a namespace. */
  contents(namespace) {
    const found = this.topology?.lab?.namespaces.find((of) => of.namespace === namespace);
    return found ?? { namespace, bridges: [], services: [], ports: [] };
  }

  /** Returns the services of a namespace with their state. An older agent names them only. */
  servicesIn(namespace) {
    const known = this.topology?.services?.filter((service) => service.namespace === namespace) ?? [];
    const named = this.contents(namespace).services.map((what) => ({ namespace, name: what, what: '', state: null, restarts: 0, last_exit: null }));
    return known.length > 0 ? known : named;
  }

  probesFrom(namespace) {
    return this.probes.filter((probe) => probe.from === namespace);
  }

  /** Returns the key under which this lab's arrangement is kept. */
  get labKey() {
    return this.topology?.lab?.name ?? '(no lab)';
  }
}
