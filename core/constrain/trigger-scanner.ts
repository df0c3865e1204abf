import type { TokenBytes } from '../text/token-bytes.ts'

/** Finds a text in a sequence of tokens, wherever the borders of the tokens are. */
export type TriggerScanner = {
  /** Where the token would complete the text: what it has behind it, null when that is no whole characters. Null: it does not. */
  readonly peek: (id: number) => { readonly text: string | null } | null
  readonly push: (id: number) => void
  /** How many of these tokens, from the first on, stand at the end already. */
  readonly spelled: (ids: readonly number[]) => number
  readonly reset: () => void
}

const asBytes = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

function asText(bytes: string): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)))
  } catch {
    return null
  }
}

export function createTriggerScanner(trigger: string, tokens: TokenBytes): TriggerScanner {
  const mark = asBytes(new TextEncoder().encode(trigger))
  let seen = ''
  const spelling = (ids: readonly number[]): string => ids.map((id) => asBytes(tokens.bytesOf(id))).join('')
  return {
    peek: (id) => {
      const text = seen + asBytes(tokens.bytesOf(id))
      const at = text.indexOf(mark)
      return at < 0 ? null : { text: asText(text.slice(at + mark.length)) }
    },
    push: (id) => {
      seen = (seen + asBytes(tokens.bytesOf(id))).slice(1 - mark.length || Number.MAX_SAFE_INTEGER)
    },
    spelled: (ids) => {
      for (let count = ids.length - 1; count > 0; count--) if (seen.endsWith(spelling(ids.slice(0, count)))) return count
      return 0
    },
    reset: () => (seen = ''),
  }
}
