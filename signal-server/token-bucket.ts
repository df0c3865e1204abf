/** Lets through `perSecond` on average and `burst` at once. */
export function createTokenBucket(options: { readonly burst: number; readonly perSecond: number; readonly now: () => number }): () => boolean {
  const { burst, perSecond, now } = options
  let tokens = burst
  let since = now()
  return () => {
    const at = now()
    tokens = Math.min(burst, tokens + ((at - since) / 1000) * perSecond)
    since = at
    if (tokens < 1) return false
    tokens--
    return true
  }
}
