/** The code that draws messages: Markdown and what makes it safe are a third of the chat, and an empty one has no use for them. */

export type ThreadCode = {
  /** Whether it is here. */
  readonly isHere: () => boolean
  /** Fetches it now; without effect while it comes. */
  readonly fetch: () => void
  /** Fetches it once nothing else is to do, so that the first answer need not wait, and the server may go meanwhile. */
  readonly fetchLater: () => void
}

/** @param onChange it has come */
export function createThreadCode(onChange: () => void): ThreadCode {
  let state: 'away' | 'coming' | 'here' = 'away'
  const fetchNow = (): void => {
    if (state !== 'away') return
    state = 'coming'
    import('./chat-thread.ts').then(
      () => {
        state = 'here'
        onChange()
      },
      // The next change of the page asks again.
      () => (state = 'away'),
    )
  }
  return {
    isHere: () => state === 'here',
    fetch: fetchNow,
    fetchLater: () => {
      if ('requestIdleCallback' in window) requestIdleCallback(fetchNow, { timeout: 10_000 })
      else setTimeout(fetchNow, 2_000)
    },
  }
}
