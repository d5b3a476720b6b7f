// What the unit tests of the page's modules share. It runs inside a page of the agent, before each test.

const failures = [];
const load = (name) => import(`/page/${name}.js`);

function equal(actual, expected, what) {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (one !== other) failures.push(`${what}: ${one} instead of ${other}`);
}

function check(condition, what) {
  if (!condition) failures.push(what);
}

/** A topology of links given as pairs of namespaces. */
function topologyOf(pairs, more = {}) {
  const end = (namespace, interfaceName) => ({
    namespace, interface: interfaceName, ifindex: 2, addresses: [], up: true,
    ingress_attached: 'tcx', egress_attached: 'tcx', drift: [],
  });
  const links = pairs.map(([a, b], index) => ({
    name: `link${index + 1}`, a: end(a, `a${index + 1}`), b: b === null ? null : end(b, `b${index + 1}`),
    impairment: { a_to_b: null, b_to_a: null },
  }));
  return {
    agent: { version: '1', started_at_unix_ms: 1 }, generation: 1, lab: { name: 'lab', file: 'lab.toml', persists: false, namespaces: [] },
    namespaces: [...new Set(pairs.flat().filter(Boolean))].sort(), links, probes: [],
    columns: {
      direction: ['packets_total', 'packets', 'wire_bytes', 'arrived_packets', 'lost_total', 'lost', 'latency_count', 'latency_sum_ns', 'p50_ns', 'p99_ns', 'max_bound_ns', 'octaves'],
      end: ['icmp_count', 'icmp_sum_ns', 'tcp_rtt_count', 'tcp_rtt_sum_ns', 'retransmits', 'dropped'],
    },
    ...more,
  };
}

async function modelOf(pairs, more) {
  const { Model } = await load('model');
  const model = new Model();
  model.setTopology(topologyOf(pairs, more));
  return model;
}
