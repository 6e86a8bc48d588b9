// Runs before the first paint: marks that JavaScript works and, when the reader forced no
// theme, tells Bootstrap which one the system wants.
(() => {
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  root.classList.add('js');

  const followSystem = () => {
    if (root.dataset.theme) return;
    root.dataset.bsTheme = dark.matches ? 'dark' : 'light';
    document.dispatchEvent(new Event('themechange'));
  };

  followSystem();
  dark.addEventListener('change', followSystem);
})();
