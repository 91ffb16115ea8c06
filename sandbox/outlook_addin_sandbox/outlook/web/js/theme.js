// @ts-check

export const isDark = window.matchMedia("(prefers-color-scheme: dark)");

/** The colours of the page as an add-in may ask for them. */
export function officeTheme() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const colour = (name) => style.getPropertyValue(name).trim();
  return {
    isDarkTheme: isDark.matches,
    bodyBackgroundColor: colour("--surface"),
    bodyForegroundColor: colour("--ink"),
    controlBackgroundColor: colour("--surface-2"),
    controlForegroundColor: colour("--ink"),
  };
}
