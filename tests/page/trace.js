const { readTrace, marks } = await load('trace');
const at = (namespace, interfaceName, hook) => ({ namespace, interface: interfaceName, hook });
const rung = (what, name, back, since, took) => ({ leg: back ? 'reply' : 'request', back, what, name, from: at('a', 'x', 'egress'), to: at('b', 'y', 'ingress'), since_start_ns: since, took_ns: took, median_ns: took, worst_ns: took, first_ns: null });
const trace = {
  taken_at_unix_ms: 0, traffic: 'icmp', from: { namespace: 'a', address: '10.0.0.1' }, to: { asked: 'b', namespace: 'b', address: '10.0.0.2', port: null },
  sent: 10, arrived: 9, rungs: [rung('link', 'wire', false, 0, 2000), rung('application', 'b', true, 2000, 7000), rung('link', 'wire', true, 9000, 1000)],
  total: { typical_ns: 10000 }, asking: { typical_ns: 12000, before_ns: 1500, after_ns: 500 }, sentences: ['The slowest part is b.'],
  loss: { runs: 1, last: at('b', 'y', 'ingress'), dropped: { namespace: 'b', interface: 'y', reason: 'NETFILTER_DROP' }, error: null },
};
const read = readTrace(trace);
equal([read.title, read.slowest, read.rungs.length], ['a → b', 1, 3], 'a ladder');
equal(read.rungs.map((one) => one.name), ['link wire', 'application in b', 'link wire'], 'rungs have names');
check(read.equation.includes('add up to 10.0 µs') && read.equation.includes('12.0 µs: 1.50 µs before'), read.equation);
equal(read.loss, '1 did not arrive; last seen at b y ingress; the kernel dropped it in b: NETFILTER_DROP.', 'what was lost, and where');
equal([...marks(trace).links], [['wire', '→ 2.00 µs  ← 1.00 µs']], 'both ways on the picture');
equal([...marks({ ...trace, loss: null }).namespaces], [['b', '7.00 µs inside'], ['a', 'starts here']], 'and what is inside');
const nothing = readTrace({ ...trace, rungs: [], total: null, asking: null, sentences: undefined });
equal([nothing.rungs, nothing.equation, nothing.slowest], [[], null, -1], 'a trace without a way back');
