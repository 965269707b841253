/* Classic and blocking on purpose: the theme must stand before the first paint. */
(function () {
  const root = document.documentElement;
  root.dataset.js = "";
  try {
    const theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    root.dataset.storage = "none"; // Storage may be refused; then the theme follows the system.
  }
})();
