const { queueAndCrossing } = await load('parts');
const summary = (p50, p99) => ({ count: 1, p50_ns: p50, p99_ns: p99 });
const link = (way) => ({ a: { namespace: 'root' }, b: { namespace: 'web' }, a_to_b: way, b_to_a: { queue: null, crossing: null } });
equal(queueAndCrossing(link({ queue: null, crossing: null })), null, 'hooks see only the whole');
const [table] = queueAndCrossing(link({ queue: summary(900, 25000), crossing: summary(null, null) }));
const cells = [...table.querySelectorAll('tbody td')].map((cell) => cell.textContent);
equal(cells, ['root → web', '900 ns', '25.0 µs', '–', '–'], 'queue and crossing of one direction');
