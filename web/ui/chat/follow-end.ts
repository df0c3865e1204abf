/** Keeps the end of a growing conversation in sight, unless somebody has scrolled up to read. */

/** Within this many pixels of the end, the page follows a growing answer. */
const FOLLOW_PX = 120

export type Follower = {
  /** Call before the page changes: whether its end is in sight. */
  readonly look: () => void
  /** Call after it has changed. `isForced`: whatever was in sight. */
  readonly follow: (isForced?: boolean) => void
}

export function createFollower(page: HTMLElement): Follower {
  let isAtEnd = true
  const toEnd = (): void => page.scrollTo({ top: page.scrollHeight })
  return {
    look: () => void (isAtEnd = page.scrollHeight - page.scrollTop - innerHeight < FOLLOW_PX),
    follow: (isForced = false) => {
      // A frame later the elements inside have grown too.
      if (isForced || isAtEnd) requestAnimationFrame(toEnd)
    },
  }
}
