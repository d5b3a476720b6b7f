// The order of names, everywhere the same: numbers inside them count as numbers, so n2 comes before n10.

const collator = new Intl.Collator('en', { numeric: true });

/** Compares two names for a sort. */
export function byName(one, other) {
  return collator.compare(one, other) || (one < other ? -1 : one > other ? 1 : 0);
}
