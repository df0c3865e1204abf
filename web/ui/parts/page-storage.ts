/** What the page remembers for its person. A browser that forbids storage throws when it is only named: such a page remembers nothing. */
type PageStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

const NOTHING: PageStorage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined }

function openStorage(): PageStorage {
  try {
    return localStorage
  } catch {
    return NOTHING
  }
}
export const pageStorage: PageStorage = openStorage()

/** Keeps a value; where the disk is full it lasts as long as the page. */
export function remember(key: string, value: string): void {
  try {
    pageStorage.setItem(key, value)
  } catch {
    // Nothing depends on it.
  }
}
