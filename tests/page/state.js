const s = await load('state');
equal(s.parse('#view=table&link=a%20b&evil=1'), { view: 'table', link: 'a b' }, 'unknown keys are dropped');
equal(s.format({ q: 'x', view: 'table' }), '#view=table&q=x', 'keys have one order');
equal(s.format({ view: null, link: '' }), '', 'nothing chosen is no address');
equal(s.parse(s.format({ link: '<img src=x>&=#' })).link, '<img src=x>&=#', 'any name survives');
equal(s.selection({ namespace: 'red' }), { kind: 'namespace', name: 'red' }, 'the selection');
equal(s.selection({ view: 'table' }), null, 'no selection');

const { action } = await load('keys');
const free = { isInField: false, hasModifier: false };
equal(['/', '?', 't', 'Escape', 'x'].map((key) => action(key, free)), ['search', 'help', 'view', 'back', null], 'keys');
equal(action('/', { ...free, isInField: true }), null, 'what is typed into a field is text');
equal(action('t', { ...free, hasModifier: true }), null, 'shortcuts of the browser are its own');

const { pauseAfter } = await load('stream');
equal([1, 2, 3, 4, 5, 50].map(pauseAfter), [500, 1000, 2000, 4000, 8000, 8000], 'the pause doubles up to a bound');

const { quote, forLink } = await load('commands');
equal(['red', 'a b', "it's", '$(reboot)', 'a\nb'].map(quote), ['red', "'a b'", "'it'\\''s'", "'$(reboot)'", "$'a\\x0ab'"], 'quoted for a shell');
const model = await modelOf([['root', 'red']]);
model.links[0].b.addresses = ['10.0.0.2/24'];
const texts = forLink(model.links[0]).map(([, command]) => command);
check(texts.includes('ping -c 10 10.0.0.2'), 'no exec for the namespace of netmon itself');
check(texts.includes('netmon exec red -- tcpdump -n -i b1'), 'a capture inside the namespace');
