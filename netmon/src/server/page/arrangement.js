// Where boxes were dragged to, kept in this browser for each lab. Without storage, dragging lasts until the reload.

const PREFIX = 'netmon.arrangement.';

/** The places of a browser. */
export class Arrangement {
  constructor(storage) {
    this.storage = storage;
  }

  read(lab) {
    try {
      return JSON.parse(this.storage?.getItem(PREFIX + lab)) ?? {};
    } catch {
      return {};
    }
  }

  /** Returns what was arranged in a lab: pairs of a name and a place. Whatever is malformed is left out. */
  load(lab) {
    const isPlace = ([, place]) => Array.isArray(place) && place.length === 2 && place.every(Number.isFinite);
    return Object.entries(this.read(lab)).filter(isPlace).map(([id, [x, y]]) => [id, { x, y }]);
  }

  keep(lab, id, { x, y }) {
    const all = this.read(lab);
    all[id] = [Math.round(x), Math.round(y)];
    this.write(lab, all);
  }

  forget(lab) {
    this.write(lab, {});
  }

  write(lab, all) {
    try {
      if (Object.keys(all).length === 0) this.storage?.removeItem(PREFIX + lab);
      else this.storage?.setItem(PREFIX + lab, JSON.stringify(all));
    } catch {
      // Storage is full or forbidden: the arrangement lasts until the reload.
    }
  }
}

/** Returns the browser's storage. Null if it is forbidden. */
export function browserStorage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
