// Charts by uPlot (vendor/, a classic script, hence the global name), in the colours of the theme.

/* global uPlot */

import { html, setText } from './dom.js';
import { clock } from './format.js';

const HEIGHT = 132;

/** Returns the value of a colour of the theme. */
export function themeColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function withAlpha(colour, alpha) {
  return `color-mix(in srgb, ${colour} ${alpha * 100}%, transparent)`;
}

function axes(format, isLog) {
  const font = '11px system-ui, sans-serif';
  const common = { font, stroke: themeColour('muted'), grid: { stroke: themeColour('hairline'), width: 1 }, ticks: { show: false } };
  const seconds = (_, times) => times.map((time) => clock(time * 1000));
  return [
    { ...common, space: 76, values: seconds, size: 26, grid: { show: false } },
    { ...common, space: 28, size: 74, ...(isLog ? { splits: (_, axis, low, high) => logTicks(low, high), filter: (_, splits) => splits } : {}), values: (_, values) => values.map((value) => (value === null ? '' : format(value))) },
  ];
}

/** Above zero, and never a flat line at the top. */
function linear(_, low, high) {
  return [0, high > 0 ? high * 1.08 : 1];
}

function aroundAll(_, low, high) {
  return high > 0 ? [Math.max(low, 1) / 1.6, high * 1.6] : [1e3, 1e6];
}

/** Returns ticks of a logarithmic axis: 1, 2 and 5 of each decade, or decades alone where these are many. */
export function logTicks(low, high) {
  const ticks = [];
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  for (let decade = first; decade <= last; decade++) {
    for (const step of last - first > 2 ? [1] : [1, 2, 5]) ticks.push(step * 10 ** decade);
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}

function toSeries(line) {
  const stroke = themeColour(line.colour);
  return {
    label: line.label,
    stroke: line.kind === 'faint' ? withAlpha(stroke, 0.75) : stroke,
    width: line.kind === 'main' ? 1.8 : 1,
    dash: line.kind === 'dotted' ? [2, 3] : undefined,
    fill: line.area ? withAlpha(stroke, 0.12) : undefined,
    points: { size: 4, fill: stroke, stroke },
    spanGaps: false,
  };
}

/** A chart: title, key with the values under the pointer (else the latest), and the curve. */
export class Chart {
  constructor({ title, lines, format, isLog = false, bands = [] }) {
    Object.assign(this, { lines, format, isLog, bands });
    this.values = lines.map(() => html('output', {}));
    const key = lines.map((line, index) =>
      html('span', { class: `key ${line.colour} ${line.kind}` }, html('i', {}), html('span', {}, line.label), this.values[index]),
    );
    this.canvas = html('div', { class: 'plot' });
    this.title = html('h3', {}, title);
    this.element = html('section', { class: 'chart' }, html('header', {}, this.title, html('div', { class: `keys of-${lines.length}` }, ...key)), this.canvas);
    this.data = null;
  }

  options(width) {
    return {
      width, height: HEIGHT, legend: { show: false }, axes: axes(this.format, this.isLog),
      scales: { x: { time: true }, y: this.isLog ? { distr: 3, range: aroundAll } : { range: linear } },
      series: [{}, ...this.lines.map(toSeries)],
      bands: this.bands.map(([high, low]) => ({ series: [high + 1, low + 1], fill: withAlpha(themeColour(this.lines[low].colour), 0.14) })),
      cursor: { sync: { key: 'netmon' }, points: { size: 6 }, drag: { x: false, y: false }, y: false },
      hooks: { setCursor: [() => this.showValues()] },
    };
  }

  /** Draws columns: the time, then one for each line. */
  draw(data) {
    this.data = data;
    const width = this.canvas.clientWidth;
    if (width === 0) return;
    if (!this.plot) this.plot = new uPlot(this.options(width), data, this.canvas);
    else {
      if (this.plot.width !== width) this.plot.setSize({ width, height: HEIGHT });
      this.plot.setData(data);
    }
    this.showValues();
  }

  showValues() {
    const index = this.plot?.cursor.idx ?? this.data[0].length - 1;
    this.values.forEach((output, nth) => {
      const value = this.data[nth + 1][index];
      setText(output, value === null || value === undefined ? '–' : this.format(value));
    });
  }

  /** Draws anew in other colours. */
  recolour() {
    this.destroy();
    if (this.data) this.draw(this.data);
  }

  destroy() {
    this.plot?.destroy();
    this.plot = null;
  }
}
