const { Model } = await load('model');
const health = await load('health');
const model = new Model();
check(model.setTopology(topologyOf([['root', 'red'], ['red', null]])), 'the first topology is new');
const row = [10, 5, 490, 5, 0, 0, 5, 50000, 9000, 12000, 16000, [13, 4, 1]];
model.setRates({ t: 1000, window_ms: 500, links: [[row, null, [1, 60000, 0, 0, 0, null], null], null] });
const [link, open] = model.links;
equal([link.aToB.packetsPerSecond, link.aToB.bitsPerSecond, link.aToB.packetsTotal], [10, 7840, 10], 'rates are over the window');
equal([link.bToA, open.aToB], [null, null], 'what is not known is null');
equal(link.endA.dropped, null, 'a drop count that is not known is null');
equal(health.level(open), 'changed', 'a link without a peer is not well');

check(!model.setTopology(topologyOf([['root', 'red'], ['red', null], ['root', 'blue']])), 'a reload is the same lab');
equal(model.byName.get('link1').aToB.packets, 5, 'figures outlive a reload');
check(model.setTopology(topologyOf([['root', 'red']], { agent: { version: '1', started_at_unix_ms: 2 } })), 'another agent');
equal(model.links[0].aToB, null, 'figures of another agent are forgotten');

const down = await modelOf([['root', 'red']]);
down.links[0].b.up = false;
down.links[0].b.drift = [{ kind: 'set_down' }];
equal(health.findings(down.links[0]).map((found) => found.words), ['b1 set down'], 'down is said once');
equal(health.level(down.links[0]), 'down', 'down');

const lossy = await modelOf([['root', 'red']]);
lossy.links[0].impairment.a_to_b = { delay_ns: 20000000, jitter_ns: 2000000, loss_ppm: 10000, rate_bits_per_second: 10000000 };
lossy.links[0].loss.aToB.add(1, 100);
equal(health.judge(lossy.links[0]).map((found) => found.level), ['impaired', 'impaired'], 'lost, and impaired');
const unlucky = await modelOf([['root', 'red']]);
unlucky.links[0].impairment.a_to_b = { delay_ns: 20000000, jitter_ns: null, loss_ppm: null, rate_bits_per_second: null };
unlucky.links[0].loss.aToB.add(1, 100);
equal(health.judge(unlucky.links[0]).map((found) => found.level), ['loss', 'impaired'], 'the worst comes first');
equal(health.judge(lossy.links[0])[1].words, 'impaired: 20.0 ms ±2.00 ms, 1 % loss, 10.0 Mbit/s', 'an impairment in words');
const [lost] = health.judge(lossy.links[0]);
equal([lost.level, health.badge(lost)], ['impaired', '1 % lost'], 'a loss that was declared is no problem');
for (let second = 0; second < 10; second++) lossy.links[0].loss.aToB.add(0, 100);
equal(health.judge(lossy.links[0])[0].level, 'impaired', 'loss is forgotten after ten seconds');
equal([0, 1, 9.9, 10, 12345, 1e9].map(health.rateClass), [0, 1, 1, 2, 5, 7], 'each class is ten times more');

const { search, offers } = await load('search');
const names = await modelOf([['root', 'red'], ['root', 'redder']]);
equal([...search(names, 'RED').namespaces], ['red', 'redder'], 'search ignores case');
equal([...search(names, 'red b2').links], ['link2'], 'every word has to match');
equal(search(names, '  '), null, 'no word is no filter');
equal(offers(names, 'red')[0], { kind: 'namespace', name: 'red' }, 'the exact name is offered first');

const { sorted, TABLES } = await load('table');
const rows = [{ name: 'b', from: 'x', failures: 1 }, { name: 'a', from: 'y', failures: 3 }];
const order = (sort) => sorted(rows, TABLES.probes.columns, sort).map((one) => one.name).join('');
equal([order('name'), order('-name'), order('-failures'), order('nonsense')], ['ab', 'ba', 'ab', 'ba'], 'tables are sorted');

const { Arrangement } = await load('arrangement');
const stored = new Map([['netmon.arrangement.bad', '{"a":[1],"b":[2,3]'], ['netmon.arrangement.odd', '{"a":[1],"b":[2,3]}']]);
const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value), removeItem: (key) => stored.delete(key) };
const arrangement = new Arrangement(storage);
arrangement.keep('lab', 'red', { x: 1.4, y: 2 });
equal(arrangement.load('lab'), [['red', { x: 1, y: 2 }]], 'places are kept');
equal([arrangement.load('bad'), arrangement.load('odd')], [[], [['b', { x: 2, y: 3 }]]], 'whatever is malformed is left out');
arrangement.forget('lab');
equal([arrangement.load('lab'), new Arrangement(null).load('lab')], [[], []], 'tidy forgets, and no storage is no error');

const { build } = await load('graph');
const { serviceState } = await load('namespace_panel');
const service = { namespace: 'red', name: 'web', what: 'http://10.0.0.2/', state: 'waiting', restarts: 2, last_exit: 'exit code 1' };
const served = await modelOf([['root', 'red']], { services: [service] });
equal(build(served).boxes.find((box) => box.id === 'red').rows[0].text, 'web is waiting', 'a service that does not run is told');
equal(serviceState(service), '▲ waiting (2 restarts, last: exit code 1)', 'with how it ended');
equal(serviceState({ state: 'running', restarts: 0, last_exit: null }), '✓ running', 'a service that runs');
