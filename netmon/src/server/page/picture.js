// The picture: boxes and lines in SVG, updated in place. Layout happens when the lab changes, never when figures do.

import { BoxView } from './box_view.js';
import { svg } from './dom.js';
import { fitLabels, labelPlaces, pointAt, route } from './geometry.js';
import { build } from './graph.js';
import { extend, layout } from './layout.js';
import { LineView } from './line_view.js';
import { Drag } from './drag.js';
import { widthOf } from './measure.js';
import { PictureKeys } from './picture_keys.js';
import { Viewport } from './viewport.js';

/** Moving lines beyond this many would be a flicker, and work for the browser. */
const MOST_ANIMATED = 100;
const READABLE_SCALE = 0.5;
const FAR_SCALE = 0.3;
/** Labels shrink to this on the screen, not further. */
const LEGIBLE_SCALE = 0.9;
const LABEL_SCALES = [1, 1.15, 1.3, 1.5];
/** Labels of screen readers follow each second in labs up to this size; beyond, when a line is pointed at. */
const MOST_SPOKEN = 40;

/** The picture of a model. `on` has `select(chosen)`, `back()` and `arranged()`. */
export class Picture {
  constructor(root, model, arrangement, on) {
    Object.assign(this, { root, model, arrangement, on });
    fitLabels(widthOf);
    this.labelScale = 1;
    this.boxes = new Map();
    this.lines = new Map();
    this.places = new Map();
    this.pulledOut = new Set();
    this.graph = { boxes: [], lines: [] };
    this.layers = Object.fromEntries(['lines', 'boxes', 'labels'].map((name) => [name, svg('g', { class: `layer-${name}` })]));
    this.content = svg('g', { class: 'content' }, ...Object.values(this.layers));
    root.append(this.content);
    this.viewport = new Viewport(root, this.content, (view) => this.followZoom(view));
    this.drag = new Drag(this);
    this.keys = new PictureKeys(this);
    root.addEventListener('click', (event) => this.click(event));
    for (const kind of ['pointerover', 'focusin']) root.addEventListener(kind, (event) => this.point(event.target));
    root.addEventListener('pointerleave', () => this.point(document.activeElement));
    new ResizeObserver(() => this.viewport.fit(this.bounds())).observe(root);
  }

  /** Forgets everything: another agent or another lab is drawn from nothing. */
  clear() {
    for (const layer of Object.values(this.layers)) layer.replaceChildren();
    this.boxes.clear();
    this.lines.clear();
    this.places.clear();
    this.pulledOut.clear();
    this.viewport.isUsers = false;
  }

  /** Draws the lab as the model describes it now. Boxes that are drawn already stay where they are. */
  setTopology() {
    const before = JSON.stringify(this.graph);
    this.graph = build(this.model, this.pulledOut);
    if (JSON.stringify(this.graph) !== before || this.places.size === 0) this.rebuild();
    this.update();
  }

  rebuild() {
    const wasEmpty = this.places.size === 0;
    this.boxesById = new Map(this.graph.boxes.map((box) => [box.id, box]));
    this.syncBoxes();
    this.syncLines();
    this.paintMarks();
    this.places = this.newPlaces(wasEmpty);
    this.placeAll();
    this.viewport.fit(this.bounds(), wasEmpty);
    this.keys.rove();
  }

  newPlaces(wasEmpty) {
    const edges = this.graph.lines.filter((line) => line.to).map((line) => [line.from, line.to]);
    if (!wasEmpty) return extend(this.graph.boxes, edges, this.places);
    const places = layout(this.graph.boxes, edges, { isTall: this.root.clientHeight > 1.2 * this.root.clientWidth });
    for (const [id, place] of this.arrangement.load(this.model.labKey)) if (places.has(id)) places.set(id, place);
    return places;
  }

  syncBoxes() {
    for (const [id, view] of this.boxes) {
      if (this.boxesById.has(id)) continue;
      view.element.remove();
      this.boxes.delete(id);
    }
    for (const box of this.graph.boxes) {
      if (this.boxes.has(box.id)) this.boxes.get(box.id).setBox(box);
      else this.boxes.set(box.id, new BoxView(box));
      this.layers.boxes.append(this.boxes.get(box.id).element);
    }
  }

  syncLines() {
    const known = new Map(this.graph.lines.map((line) => [line.id, line]));
    for (const [id, view] of this.lines) {
      const line = known.get(id);
      if (line && line.kind === view.line.kind) view.line = line;
      else this.removeLine(id, view);
    }
    for (const line of this.graph.lines) {
      if (!this.lines.has(line.id)) this.lines.set(line.id, new LineView(line));
      this.layers.lines.append(this.lines.get(line.id).element);
      this.layers.labels.append(this.lines.get(line.id).label);
    }
  }

  removeLine(id, view) {
    view.element.remove();
    view.label.remove();
    this.lines.delete(id);
  }

  placeAll() {
    for (const [id, view] of this.boxes) view.place(this.places.get(id));
    this.placeLines();
  }

  placeLines() {
    const routes = new Map(this.graph.lines.map((line) => [line.id, route(line, this.boxesById, this.places)]));
    const labels = labelPlaces(this.graph.lines, routes, this.boxesById, this.places, this.labelScale);
    for (const [id, view] of this.lines) view.place(routes.get(id), labels.get(id), pointAt(routes.get(id), 0.5), this.labelScale);
    this.routes = routes;
  }

  /** Draws the latest second. */
  update() {
    const animated = this.animated();
    const isReadable = this.viewport.view.scale >= READABLE_SCALE;
    const isSpoken = this.lines.size <= MOST_SPOKEN;
    for (const view of this.lines.values()) {
      view.isAnimated = animated.has(view.line.id);
      this.updateLine(view, { isReadable, isSpoken });
    }
    for (const view of this.boxes.values()) this.updateBox(view);
  }

  updateLine(view, detail) {
    const members = view.line.members.map((name) => this.model.byName.get(name)).filter(Boolean);
    if (members.length > 0) view.update(members, detail);
  }

  updateBox(view) {
    const { kind, id, members } = view.box;
    const names = kind === 'namespace' ? [id] : members;
    const probes = this.model.probes.length === 0 ? [] : names.flatMap((name) => this.model.probesFrom(name));
    const links = kind === 'namespace' ? this.degree.get(id) ?? 0 : members.length;
    view.update(probes, links);
  }

  /** How many lines end at each box. */
  get degree() {
    if (this.degreeOf !== this.graph) {
      this.degreeOf = this.graph;
      this.degrees = new Map();
      for (const { from, to } of this.graph.lines) {
        for (const id of new Set([from, to])) this.degrees.set(id, (this.degrees.get(id) ?? 0) + 1);
      }
    }
    return this.degrees;
  }

  /** The lines that move: all that carry packets, or the busiest of them. */
  animated() {
    const rate = (line) =>
      line.members.reduce((sum, name) => {
        const link = this.model.byName.get(name);
        return sum + (link?.aToB?.packetsPerSecond ?? 0) + (link?.bToA?.packetsPerSecond ?? 0);
      }, 0);
    const busy = this.graph.lines.map((line) => [line.id, rate(line)]).filter(([, of]) => of > 0);
    if (busy.length > MOST_ANIMATED) busy.sort((one, other) => other[1] - one[1]).length = MOST_ANIMATED;
    return new Set(busy.map(([id]) => id));
  }

  bounds() {
    const all = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    for (const [id, { x, y }] of this.places) {
      const box = this.boxesById?.get(id);
      if (!box) continue;
      all.left = Math.min(all.left, x - box.w / 2);
      all.right = Math.max(all.right, x + box.w / 2);
      all.top = Math.min(all.top, y - box.h / 2);
      all.bottom = Math.max(all.bottom, y + box.h / 2 + 20);
    }
    return all;
  }

  fit() {
    this.viewport.fit(this.bounds(), true);
  }

  /** Lays everything out again, and forgets what was arranged by hand. */
  tidy() {
    this.arrangement.forget(this.model.labKey);
    this.places = new Map();
    this.rebuild();
    this.update();
  }

  followZoom({ scale }) {
    this.scaleLabels(scale);
    this.root.classList.toggle('is-far', scale < FAR_SCALE);
    this.root.classList.toggle('is-middle', scale < READABLE_SCALE);
    if (scale >= READABLE_SCALE && !this.wasReadable && this.lines.size > 0) this.update();
    this.wasReadable = scale >= READABLE_SCALE;
  }

  /** Labels grow against the zoom, in steps, so that they can be read in a large lab. */
  scaleLabels(scale) {
    const next = LABEL_SCALES.find((of) => of * scale >= LEGIBLE_SCALE) ?? LABEL_SCALES.at(-1);
    if (next === this.labelScale) return;
    this.labelScale = next;
    if (this.places.size > 0) this.placeLines();
  }

  /** Marks what is selected, and pulls it out of its fold if it is in one. */
  select(chosen) {
    this.pullOut(chosen);
    for (const [id, view] of this.boxes) {
      view.isSelected = chosen !== null && chosen.kind !== 'link' && id === this.idOf(chosen);
      view.paintClass();
    }
    for (const [id, view] of this.lines) {
      view.isSelected = chosen?.kind === 'link' && id === chosen.name;
      view.paintClass();
    }
  }

  /** Puts words of a trace on boxes and lines; null removes them. */
  mark(words) {
    this.words = words;
    this.paintMarks();
    this.root.classList.toggle('has-trace', words !== null);
    this.update();
  }

  paintMarks() {
    for (const [id, view] of this.lines) view.mark = this.words?.links.get(id);
    for (const [id, view] of this.boxes) view.mark = this.words?.namespaces.get(id);
  }

  idOf(chosen) {
    return chosen.kind === 'fold' ? `fold:${chosen.name}` : chosen.name;
  }

  pullOut(chosen) {
    const link = chosen?.kind === 'link' ? this.model.byName.get(chosen.name) : null;
    const names = link ? [link.a.namespace, link.b?.namespace] : chosen?.kind === 'namespace' ? [chosen.name] : [];
    const hidden = names.filter((name) => name && this.model.namespaces.includes(name) && !this.boxes.has(name));
    if (hidden.length === 0) return;
    hidden.forEach((name) => this.pulledOut.add(name));
    this.setTopology();
  }

  /** Moves the view to what is selected, if it is outside. */
  reveal(chosen) {
    const place = chosen.kind === 'link' ? this.middleOf(chosen.name) : this.places.get(this.idOf(chosen));
    if (place) this.viewport.reveal(place);
  }

  middleOf(name) {
    const found = this.routes?.get(name);
    return found ? pointAt(found, 0.5) : null;
  }

  /** Dims what does not match; null shows all. */
  filter(matches) {
    for (const [id, view] of this.boxes) {
      view.isDim = matches !== null && !(matches.namespaces.has(id) || view.box.members?.some((name) => matches.namespaces.has(name)));
      view.paintClass();
    }
    for (const view of this.lines.values()) {
      view.isDim = matches !== null && !view.line.members.some((name) => matches.links.has(name));
      view.paintClass();
    }
  }

  /** Returns what an element stands for. */
  chosenBy(element) {
    const found = element?.closest?.('[data-link], [data-namespace], [data-fold]');
    if (!found) return null;
    const { link, namespace, fold } = found.dataset;
    if (fold !== undefined) return { kind: 'fold', name: fold.slice('fold:'.length) };
    return link !== undefined ? { kind: 'link', name: link } : { kind: 'namespace', name: namespace };
  }

  click(event) {
    if (this.drag.wasDrag || this.viewport.hasMoved) return;
    this.on.select(this.chosenBy(event.target));
  }

  /** Figures and speech of a line that is pointed at or focused are current, whatever the zoom. */
  point(target) {
    const chosen = target?.closest?.('.line, .label') ? this.chosenBy(target) : null;
    const view = chosen ? this.lines.get(this.idOf(chosen)) : null;
    if (this.pointed && this.pointed !== view) this.unpoint();
    if (!view) return;
    this.pointed = view;
    view.isPointedAt = true;
    if (this.layers.labels.lastChild !== view.label && !target.closest('.label')) this.layers.labels.append(view.label);
    this.updateLine(view, { isReadable: true, isSpoken: true });
  }

  unpoint() {
    this.pointed.isPointedAt = false;
    this.pointed.paintClass();
    this.pointed = null;
  }
}
