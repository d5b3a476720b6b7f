// Light or dark: what the system asks for, unless this browser was told otherwise. Runs before the first paint.

/* exported netmonTheme */
var netmonTheme = (() => {
  const KEY = 'netmon.theme';
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const chosen = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  const current = () => chosen() ?? (dark.matches ? 'dark' : 'light');
  const apply = () => {
    document.documentElement.dataset.theme = current();
    dispatchEvent(new Event('netmon-theme'));
  };
  const toggle = () => {
    const next = current() === 'dark' ? 'light' : 'dark';
    const isSystems = next === (dark.matches ? 'dark' : 'light');
    try {
      if (isSystems) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, next);
    } catch {
      // Without storage, the system decides.
    }
    apply();
  };
  dark.addEventListener('change', apply);
  apply();
  return { toggle, current };
})();
