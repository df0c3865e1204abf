import { expect, test } from 'vitest'
import { keptTheme, showTheme } from './theme.ts'

function memoryStore() {
  const entries = new Map<string, string>()
  return {
    getItem: (key: string) => entries.get(key) ?? null,
    setItem: (key: string, value: string) => void entries.set(key, value),
    removeItem: (key: string) => void entries.delete(key),
  }
}
/** As much of an element as a theme touches. */
const root = (): HTMLElement => ({ dataset: {} }) as HTMLElement

test('a chosen theme is shown and kept, and the system’s leaves no trace', () => {
  const [store, page] = [memoryStore(), root()]
  showTheme('dark', page, store)
  expect([page.dataset['theme'], keptTheme(store)]).toEqual(['dark', 'dark'])
  showTheme('system', page, store)
  expect([page.dataset['theme'], keptTheme(store), store.getItem('ringlet.theme')]).toEqual([undefined, 'system', null])
})

test('a kept word that is no theme, and a storage that refuses, are the system’s theme', () => {
  const store = memoryStore()
  store.setItem('ringlet.theme', 'sepia')
  expect(keptTheme(store)).toBe('system')
  const refuse = (): never => {
    throw new Error('denied')
  }
  expect(keptTheme({ getItem: refuse })).toBe('system')
  const page = root()
  showTheme('light', page, { setItem: refuse, removeItem: refuse })
  expect(page.dataset['theme']).toBe('light')
})
