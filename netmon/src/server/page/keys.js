// Keys of the whole page. Those of the picture are in picture_keys.js.

const FIELDS = 'input, textarea, select, [contenteditable]';

/** Returns what a key does: the name of an action, or null. Keys that are typed into a field do nothing. */
export function action(key, { isInField, hasModifier }) {
  if (hasModifier) return null;
  if (key === 'Escape') return 'back';
  if (isInField) return null;
  return { '/': 'search', '?': 'help', t: 'view' }[key] ?? null;
}

/** Calls the actions by name. */
export function listen(actions) {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const isInField = event.target.closest?.(FIELDS) !== null;
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
    const name = action(event.key, { isInField, hasModifier });
    if (!name) return;
    event.preventDefault();
    actions[name]();
  });
}
