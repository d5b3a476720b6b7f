// From the lab to boxes and lines: what the picture has, without where it is.
//
// Beyond FOLD_BEYOND leaves on one hub, the first few are drawn and the rest fold into one box with sums. A leaf that
// was asked for (by search or selection) is pulled out of the fold.

import { plural } from './format.js';
import { fitting, widthOf } from './measure.js';
import { byName } from './names.js';

const FOLD_BEYOND = 60;
const SHOWN_OF_MANY = 24;
const MOST_ROWS = 3;
/** Sizes of the text in boxes, as in picture.css. */
const [NAME, NAME_WEIGHT, ROW] = [13.5, 620, 11.5];
const WIDEST = 200;
const NARROWEST = 84;
const SIGN = 15;

/** Returns the neighbours of every namespace, by name. */
export function neighbours(model) {
  const found = new Map(model.namespaces.map((name) => [name, new Set()]));
  for (const { a, b } of model.links) {
    if (!b || a.namespace === b.namespace) continue;
    found.get(a.namespace)?.add(b.namespace);
    found.get(b.namespace)?.add(a.namespace);
  }
  return found;
}

/** Returns the folded leaves of each hub: a map from the hub to names, in order. */
export function folds(model, pulledOut) {
  const all = neighbours(model);
  const folded = new Map();
  for (const [hub, near] of all) {
    const leaves = [...near].filter((name) => all.get(name).size === 1 && near.size > 1).sort(byName);
    if (leaves.length <= FOLD_BEYOND) continue;
    const rest = leaves.slice(SHOWN_OF_MANY).filter((name) => !pulledOut.has(name));
    if (rest.length > 0) folded.set(hub, rest);
  }
  return folded;
}

function addressRow(ends) {
  const addresses = ends.flatMap((end) => end.addresses.map((address) => `${end.interface} ${address}`));
  if (addresses.length === 0) return ends.length === 0 ? [] : [{ kind: 'note', text: plural(ends.length, 'link') }];
  const [first, ...rest] = addresses;
  const text = ends.length > 2 ? plural(ends.length, 'link') : first + (rest.length > 0 ? ` +${rest.length}` : '');
  return [{ kind: 'note', text }];
}

function serviceText(name, state) {
  return state === null || state === 'running' ? name : `${name} is ${state}`;
}

/** Returns the rows below the name of a box. */
export function boxRows(bridges, services, ends) {
  const rows = [
    ...bridges.map((text) => ({ kind: 'bridge', text })),
    ...services.map(({ name, state }) => ({ kind: state === null || state === 'running' ? 'service' : 'service stopped', text: serviceText(name, state) })),
    ...addressRow(ends),
  ];
  if (rows.length <= MOST_ROWS) return rows;
  const more = { kind: 'note', text: `+${rows.length - MOST_ROWS + 1} more` };
  return [...rows.slice(0, MOST_ROWS - 1), more];
}

function sized(box) {
  const shorten = (row) => {
    const indent = row.kind === 'note' ? 0 : SIGN;
    const shown = fitting(row.text, WIDEST - indent, ROW);
    return { ...row, shown, width: widthOf(shown, ROW) + indent };
  };
  box.rows = box.rows.map(shorten);
  box.shown = fitting(box.title, WIDEST, NAME, NAME_WEIGHT);
  const widths = [widthOf(box.shown, NAME, NAME_WEIGHT), ...box.rows.map((row) => row.width)];
  box.w = Math.round(Math.max(NARROWEST, ...widths) + 28);
  box.h = 38 + box.rows.length * 16 + (box.rows.length > 0 ? 2 : 0);
  return box;
}

function namespaceBox(model, name, ends) {
  const { bridges } = model.contents(name);
  const rows = boxRows(bridges, model.servicesIn(name), ends);
  return sized({ id: name, kind: 'namespace', title: name, rows, isHub: bridges.length > 0 });
}

function foldBox(hub, members) {
  const rows = [{ kind: 'note', text: `on ${hub}` }];
  return sized({ id: `fold:${hub}`, kind: 'fold', hub, title: `${members.length} more`, members, rows, isHub: false });
}

function endsByNamespace(model) {
  const ends = new Map();
  for (const end of model.links.flatMap(({ a, b }) => (b ? [a, b] : [a]))) {
    ends.set(end.namespace, [...(ends.get(end.namespace) ?? []), end]);
  }
  return ends;
}

/** Numbers the lines between the same two boxes, so that they can be drawn apart. */
function spread(lines) {
  const groups = new Map();
  for (const line of lines) {
    const key = [line.from, line.to ?? '?'].sort().join('\n');
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  for (const group of groups.values()) {
    group.forEach((line, slot) => Object.assign(line, { slot, slots: group.length }));
  }
  return lines;
}

function toLines(model, foldOf) {
  const lines = [];
  const aggregated = new Map();
  for (const link of model.links) {
    const [from, to] = [link.a.namespace, link.b?.namespace ?? null];
    const fold = foldOf.get(from) ?? (to && foldOf.get(to));
    if (!fold) {
      lines.push({ id: link.name, kind: 'link', from, to, members: [link.name] });
    } else if (aggregated.has(fold)) {
      aggregated.get(fold).members.push(link.name);
    } else {
      const hub = fold.slice('fold:'.length);
      const line = { id: fold, kind: 'fold', from: hub, to: fold, members: [link.name] };
      aggregated.set(fold, line);
      lines.push(line);
    }
  }
  return spread(lines);
}

/** Returns the boxes and lines of the picture: `{ boxes, lines }`, both in a stable order. */
export function build(model, pulledOut = new Set()) {
  const folded = folds(model, pulledOut);
  const foldOf = new Map();
  for (const [hub, names] of folded) for (const name of names) foldOf.set(name, `fold:${hub}`);
  const ends = endsByNamespace(model);
  const shown = model.namespaces.filter((name) => !foldOf.has(name));
  const boxes = shown.map((name) => namespaceBox(model, name, ends.get(name) ?? []));
  for (const [hub, members] of folded) boxes.push(foldBox(hub, members));
  return { boxes, lines: toLines(model, foldOf) };
}
