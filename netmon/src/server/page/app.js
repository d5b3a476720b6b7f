// The page: connects the stream with the picture, the table, the panel and the address.

import { Arrangement, browserStorage } from './arrangement.js';
import { get } from './details.js';
import { setText } from './dom.js';
import { bitsPerSecond, clock, count, perSecond, plural } from './format.js';
import { findings, level } from './health.js';
import { History } from './history.js';
import { listen } from './keys.js';
import { Model } from './model.js';
import { Panel } from './panel.js';
import { Picture } from './picture.js';
import { Search, search } from './search.js';
import { PageState } from './state.js';
import { Stream } from './stream.js';
import { Table } from './table.js';
import { marks, readTrace } from './trace.js';

const NARROW = matchMedia('(max-width: 700px)');
const TRACES_MS = 5000;
const by = (id) => document.getElementById(id);

const model = new Model();
const history = new History();
let traces = [];
let found = null;
let levels = new Map();

const state = new PageState(() => applyState());
const context = {
  select: (chosen) => state.select(chosen),
  close,
  announce,
  mark: (trace) => picture.mark(trace && marks(trace)),
};
const panel = new Panel(by('panel'), context);
const arrangement = new Arrangement(browserStorage());
const picture = new Picture(by('picture'), model, arrangement, {
  select: (chosen) => state.select(chosen),
  arranged: () => announce('Arranged. Tidy lays everything out anew.'),
});
const table = new Table(by('table'), {
  select: (chosen) => state.select(chosen),
  sort: (sort) => state.set({ sort }),
  tab: (tab) => state.set({ tab, sort: null }),
});
const field = new Search(by('query'), by('offers'), model, {
  query: (q) => state.set({ q }),
  select: choose,
});

function announce(text) {
  by('announcer').textContent = text;
}

function isTable() {
  return (state.current.view ?? (NARROW.matches ? 'table' : 'picture')) === 'table';
}

/** Selects what was searched for, and shows where it is. */
function choose(chosen) {
  state.select(chosen);
  picture.reveal(chosen);
}

function close() {
  const was = state.selected;
  state.select(null);
  const element = was && picture.root.querySelector(`[tabindex="0"]`);
  if (element && !isTable()) element.focus({ preventScroll: true });
}

function applyState() {
  const { q } = state.current;
  if (document.activeElement !== by('query')) by('query').value = q ?? '';
  by('show-table').setAttribute('aria-pressed', String(isTable()));
  by('show-picture').setAttribute('aria-pressed', String(!isTable()));
  by('table').hidden = !isTable();
  by('stage').hidden = isTable();
  found = search(model, q);
  if (!model.topology) return;
  picture.filter(found);
  picture.select(state.selected);
  panel.show(state.selected, { model, history, picture, traces });
  drawTable();
}

function drawTable() {
  if (isTable()) table.update(model, found, { ...state.current, selected: state.selected });
}

function takeTopology(topology, isFirst) {
  const isNew = model.setTopology(topology);
  if (isFirst) history.clear();
  if (isNew) {
    picture.clear();
    panel.reset();
    levels = new Map();
  }
  history.setScheme(model);
  picture.setTopology();
  describeLab();
  applyState();
  panel.update();
}

function takeRates(frame) {
  model.setRates(frame);
  history.add(frame);
  if (!isTable()) picture.update();
  drawTable();
  panel.update();
  drawSums();
  announceChanges();
}

function describeLab() {
  const { lab, agent } = model.topology;
  const unseen = model.topology.not_watched ? ` · ${model.topology.not_watched} not watched` : '';
  setText(by('lab'), `${lab ? lab.name : 'no lab'}${unseen}`);
  by('lab').title = lab ? `${lab.file}, netmon ${agent.version}` : `netmon ${agent.version}`;
  document.title = lab ? `${lab.name} · netmon` : 'netmon';
  by('nothing').hidden = model.links.length > 0;
  setText(by('nothing'), 'No link is watched. Start a lab: netmon run, or netmon run FILE.');
}

function drawSums() {
  const ways = model.links.flatMap((link) => [link.aToB, link.bToA]).filter(Boolean);
  const sum = (name) => ways.reduce((all, way) => all + (way[name] ?? 0), 0);
  const bad = model.links.filter((link) => !['ok', 'impaired'].includes(level(link))).length;
  const failing = model.probes.filter((probe) => probe.success === false).length;
  const parts = [
    plural(model.namespaces.length, 'namespace'), plural(model.links.length, 'link'),
    bitsPerSecond(sum('bitsPerSecond')), `${perSecond(sum('packetsPerSecond'))} pkt/s`,
    bad > 0 ? `▲ ${plural(bad, 'link')} with a problem` : '✓ no link has a problem',
  ];
  if (model.probes.length > 0) parts.push(failing > 0 ? `▲ ${count(failing)} of ${plural(model.probes.length, 'probe')} fail` : `✓ ${plural(model.probes.length, 'probe')} succeed`);
  setText(by('sums'), parts.join('   ·   '));
}

/** Tells those who hear the page what changed for better or worse, and never a rate. */
function announceChanges() {
  const said = [];
  for (const link of model.links) {
    const [worst] = findings(link);
    const now = worst?.level ?? 'ok';
    const before = levels.get(link.name);
    if (before !== undefined && before !== now) said.push(`Link ${link.name}: ${worst ? worst.words : 'ok again'}`);
    levels.set(link.name, now);
  }
  if (said.length > 0) announce(said.slice(0, 3).join('. '));
}

function showConnection({ connected, since, reason }) {
  const banner = by('banner');
  banner.hidden = connected;
  document.body.classList.toggle('is-lost', !connected);
  if (connected) return announce('Connected');
  setText(banner, `${reason ? `${reason}. ` : ''}Not connected since ${clock(since)}, trying again.`);
}

/** An agent that keeps no traces is not asked for them: each refusal would be an error in the console. */
async function startTraces() {
  const described = await get('api/v1/openapi.json');
  if (described?.paths['/api/v1/traces']) lookForTraces();
}

async function lookForTraces() {
  if (!document.hidden && !document.body.classList.contains('is-lost')) {
    const answer = await get('api/v1/traces');
    traces = answer?.traces ?? [];
    by('trace-offer').hidden = traces.length === 0;
    if (traces.length > 0) setText(by('trace-offer'), `Trace ${readTrace(traces[0]).title}`);
    if (state.selected?.kind === 'trace') panel.show(state.selected, { model, history, picture, traces });
  }
  setTimeout(lookForTraces, TRACES_MS);
}

function listenToButtons() {
  const on = (id, action) => by(id).addEventListener('click', action);
  on('show-picture', () => state.set({ view: NARROW.matches ? 'picture' : null }));
  on('show-table', () => state.set({ view: 'table' }));
  on('theme', () => netmonTheme.toggle());
  on('help-button', () => by('help').showModal());
  on('help-close', () => by('help').close());
  on('zoom-in', () => picture.viewport.zoom(1.3));
  on('zoom-out', () => picture.viewport.zoom(1 / 1.3));
  on('zoom-fit', () => picture.fit());
  on('tidy', () => picture.tidy());
  on('trace-offer', () => state.select({ kind: 'trace', name: 'newest' }));
  NARROW.addEventListener('change', () => applyState());
}

listenToButtons();
listen({
  search: () => by('query').focus(),
  help: () => by('help').showModal(),
  view: () => state.set({ view: isTable() ? (NARROW.matches ? 'picture' : null) : 'table' }),
  back: close,
});
applyState();
let isFirstOfStream = true;
new Stream('api/v1/stream?history=1', {
  opened: () => (isFirstOfStream = true),
  topology: (topology) => {
    takeTopology(topology, isFirstOfStream);
    isFirstOfStream = false;
  },
  history: (frame) => history.add(frame),
  rates: takeRates,
  state: showConnection,
});
startTraces();
