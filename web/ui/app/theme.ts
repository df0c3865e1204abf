/** Light, dark, or as the system has it. What is chosen stays in this browser; public/theme.js reads it before the first paint. */
export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const KEY = 'ringlet.theme'

/** The theme chosen here before; one that cannot be read is the system's. */
export function keptTheme(store: Pick<Storage, 'getItem'>): Theme {
  try {
    const kept = store.getItem(KEY)
    return THEMES.find((theme) => theme === kept) ?? 'system'
  } catch {
    // Storage is forbidden here.
    return 'system'
  }
}

/** Shows `theme` on the page and keeps it for the next visit, where the browser lets us. */
export function showTheme(theme: Theme, root: HTMLElement, store: Pick<Storage, 'setItem' | 'removeItem'>): void {
  if (theme === 'system') delete root.dataset['theme']
  else root.dataset['theme'] = theme
  try {
    if (theme === 'system') store.removeItem(KEY)
    else store.setItem(KEY, theme)
  } catch {
    // It lasts as long as the page.
  }
}
