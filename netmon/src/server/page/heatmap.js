// The latency histogram over time, on a canvas of its own: a column a window, a row an octave, darker is more.

import { html } from './dom.js';
import { themeColour } from './charts.js';
import { clock, count, duration } from './format.js';
import { heat, octaveTotals } from './series.js';

const LEFT = 68;
const BOTTOM = 20;
const ROW = 13;
const FEWEST_ROWS = 6;

/** Returns how dark a cell is, from 0 to 1: a tenth of the largest is still plain to see. */
export function darkness(rate, largest) {
  if (rate <= 0 || largest <= 0) return 0;
  return 0.12 + 0.88 * Math.sqrt(rate / largest);
}

/** Returns the rows to draw: the octaves in use, and a few more if these are few. */
export function rowsOf({ lowest, highest }) {
  if (!Number.isFinite(lowest)) return [10, 10 + FEWEST_ROWS - 1];
  const missing = Math.max(0, FEWEST_ROWS - (highest - lowest + 1));
  return [lowest - Math.floor(missing / 2), highest + Math.ceil(missing / 2)];
}

/** A heat map of one direction. */
export class Heatmap {
  constructor(title, way) {
    this.way = way;
    this.canvas = html('canvas', { role: 'img' });
    this.body = html('tbody', {});
    const head = html('tr', {}, html('th', { scope: 'col' }, 'from'), html('th', { scope: 'col' }, 'to'), html('th', { scope: 'col', class: 'number' }, 'packets'));
    const table = html('details', { class: 'as-table' }, html('summary', {}, 'As a table'), html('table', {}, html('thead', {}, head), this.body));
    this.title = title;
    this.element = html('section', { class: 'chart heat' }, html('header', {}, html('h3', {}, title)), this.canvas, table);
    this.table = table;
  }

  draw(points) {
    const width = this.canvas.parentElement?.clientWidth ?? 0;
    if (width === 0 || points.length === 0) return;
    const map = heat(points, this.way);
    const [low, high] = rowsOf(map);
    const height = (high - low + 1) * ROW + BOTTOM;
    this.paint(map, low, high, this.prepared(width, height), width);
    this.summarize(points);
  }

  prepared(width, height) {
    const density = devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * density) || this.canvas.height !== Math.round(height * density)) {
      this.canvas.width = Math.round(width * density);
      this.canvas.height = Math.round(height * density);
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${height}px`;
    }
    const pen = this.canvas.getContext('2d');
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, width, height);
    return pen;
  }

  paint(map, low, high, pen, width) {
    const bottom = (high - low + 1) * ROW;
    this.axes(pen, low, high, bottom);
    const [first, last] = [map.cells[0], map.cells.at(-1)];
    const start = first.t - first.windowMs;
    const x = (t) => LEFT + ((t - start) / Math.max(1, last.t - start)) * (width - LEFT - 6);
    const rate = ({ windowMs }, counted) => counted / windowMs;
    const largest = Math.max(...map.cells.flatMap((cell) => cell.counts.map(([, counted]) => rate(cell, counted))), 0);
    pen.fillStyle = themeColour(this.way === 'aToB' ? 'a-to-b' : 'b-to-a');
    for (const cell of map.cells) {
      const left = x(cell.t - cell.windowMs);
      for (const [exponent, counted] of cell.counts) {
        pen.globalAlpha = darkness(rate(cell, counted), largest);
        pen.fillRect(left, bottom - (exponent - low + 1) * ROW, Math.max(1, x(cell.t) - left), ROW - 1);
      }
    }
    pen.globalAlpha = 1;
    this.times(pen, [start, last.t], width, bottom);
  }

  axes(pen, low, high, bottom) {
    pen.font = '11px system-ui, sans-serif';
    pen.textAlign = 'right';
    pen.textBaseline = 'middle';
    pen.fillStyle = themeColour('muted');
    for (let exponent = low; exponent <= high; exponent += 2) {
      pen.fillText(duration(2 ** exponent), LEFT - 8, bottom - (exponent - low) * ROW);
    }
    pen.textBaseline = 'alphabetic';
  }

  times(pen, [start, end], width, bottom) {
    pen.fillStyle = themeColour('muted');
    pen.textAlign = 'left';
    pen.fillText(clock(start), LEFT, bottom + 15);
    pen.textAlign = 'right';
    pen.fillText(clock(end), width - 6, bottom + 15);
  }

  /** The same for those who cannot see the canvas. */
  summarize(points) {
    const totals = octaveTotals(points, this.way);
    const all = totals.reduce((sum, [, counted]) => sum + counted, 0);
    const most = totals.reduce((best, one) => (best && best[1] >= one[1] ? best : one), null);
    const summary = most ? `${count(all)} packets, most between ${duration(2 ** most[0])} and ${duration(2 ** (most[0] + 1))}` : 'no samples';
    this.canvas.setAttribute('aria-label', `${this.title}: ${summary}`);
    if (!this.table.open) return;
    const row = ([exponent, counted]) =>
      html('tr', {}, html('td', {}, duration(2 ** exponent)), html('td', {}, duration(2 ** (exponent + 1))), html('td', { class: 'number' }, count(counted)));
    this.body.replaceChildren(...totals.map(row));
  }
}
