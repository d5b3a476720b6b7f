// The order of names in the picture: numbers inside them count as numbers, so n2 comes before n10.

const collator = new Intl.Collator('en', { numeric: true });

/** Compares two names for a sort. The namespace that netmon was started in comes first. */
export function byName(one, other) {
  if (one === 'root' || other === 'root') return Number(other === 'root') - Number(one === 'root');
  return collator.compare(one, other) || (one < other ? -1 : one > other ? 1 : 0);
}
