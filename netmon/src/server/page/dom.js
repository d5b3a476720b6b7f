// Builds elements. Text only ever becomes a text node: a name from outside can never become markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Returns an HTML element. An attribute `onclick` and the like is a listener; null and false leave an attribute out. */
export function html(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Returns an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Sets text, if it differs: an unchanged figure costs no layout. */
export function setText(element, text) {
  if (element.shownText !== text) {
    element.shownText = text;
    element.textContent = text;
  }
}

/** Sets an attribute, if it differs; null removes it. */
export function setAttribute(element, name, value) {
  const shown = (element.shownAttributes ??= new Map());
  if (shown.get(name) === value) return;
  shown.set(name, value);
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** Returns a row of terms with their values, for `dl.facts`. */
export function fact(term, ...value) {
  return html('div', {}, html('dt', {}, term), html('dd', {}, ...value));
}
