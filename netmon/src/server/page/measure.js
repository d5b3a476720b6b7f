// How wide a text is, before it is drawn: boxes and labels are as wide as their text in the font that is there.

const FAMILY = "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";
/** Widths of a letter in parts of its size, where nothing can be measured. */
const ESTIMATE = 0.58;

let pen;
const known = new Map();

function measured(text, size, weight) {
  pen ??= globalThis.document?.createElement('canvas').getContext('2d') ?? null;
  if (!pen) return text.length * size * ESTIMATE;
  pen.font = `${weight} ${size}px ${FAMILY}`;
  return pen.measureText(text).width;
}

/** Returns the width of a text in pixels. */
export function widthOf(text, size, weight = 400) {
  const key = `${size} ${weight} ${text}`;
  if (!known.has(key)) {
    if (known.size > 5000) known.clear();
    known.set(key, measured(text, size, weight));
  }
  return known.get(key);
}

/** Cuts a text so that it is at most this wide. */
export function fitting(text, most, size, weight = 400) {
  if (widthOf(text, size, weight) <= most) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (widthOf(`${text.slice(0, middle)}…`, size, weight) <= most) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}
