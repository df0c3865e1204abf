/** The way to end an answer that is under a grammar, in few tokens: taken when its tokens run out, so that what is cut short is whole all the same. */
import type { TokenBytes } from '../text/token-bytes.ts'
import type { Matcher } from './xgrammar.ts'

/** Longer ways are not looked for: a grammar that needs them has a loop that closing signs do not leave. */
const MAX_PATH_TOKENS = 2048
/** What ends things comes first, then what is short. */
const CLOSING_ORDER = '}]",:0123456789tfn-[{.eEabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_ '

/** Stands in strings only, where every sign but the closing quote would go on for ever. */
const IN_STRINGS = '~'

export type ClosingTokens = {
  readonly quote: readonly number[]
  readonly inStrings: readonly number[]
  /** Tokens of one byte in the order in which they are tried. */
  readonly single: readonly number[]
  /** The tokens that spell a text, longest first. Empty where the vocabulary cannot spell it. */
  readonly spell: (text: string) => readonly number[]
}

/** @param isText whether a token may be part of a text */
export function closingTokensOf(tokens: TokenBytes, vocabSize: number, isText: (id: number) => boolean): ClosingTokens {
  const byBytes = new Map<string, number>()
  const key = (bytes: Uint8Array): string => String.fromCharCode(...bytes)
  let longest = 1
  for (let id = 0; id < vocabSize; id++) {
    const bytes = tokens.bytesOf(id)
    if (bytes.length === 0 || bytes.length > 64 || !isText(id) || byBytes.has(key(bytes))) continue
    byBytes.set(key(bytes), id)
    longest = Math.max(longest, bytes.length)
  }
  const codes = [...new Set([...Array.from(CLOSING_ORDER, (sign) => sign.charCodeAt(0)), ...Array.from({ length: 256 }, (_, byte) => byte)])]
  const single = codes.flatMap((code) => byBytes.get(String.fromCharCode(code)) ?? [])
  const spell = (text: string): readonly number[] => {
    const all = key(new TextEncoder().encode(text))
    const ids: number[] = []
    for (let at = 0; at < all.length;) {
      let length = Math.min(longest, all.length - at)
      while (length > 0 && !byBytes.has(all.slice(at, at + length))) length--
      const id = byBytes.get(all.slice(at, at + length))
      if (id === undefined) return []
      ids.push(id)
      at += length
    }
    return ids
  }
  return { single, spell, quote: spell('"'), inStrings: spell(IN_STRINGS) }
}

/** Tokens to the nearest end, which is not among them; null where none was found. The matcher stands where it stood. */
export function closingPath(matcher: Matcher, tokens: ClosingTokens, stopIds: readonly number[]): readonly number[] | null {
  const path: number[] = []
  const take = (id: number): boolean => {
    if (!matcher.accept(id)) return false
    path.push(id)
    return true
  }
  const isAtEnd = (): boolean => {
    if (!stopIds.some((id) => matcher.accept(id))) return false
    matcher.rollBack(1)
    return true
  }
  const isInString = (): boolean => {
    if (!tokens.inStrings.some((id) => matcher.accept(id))) return false
    matcher.rollBack(1)
    return true
  }
  let found = isAtEnd()
  while (!found && path.length < MAX_PATH_TOKENS) {
    const forced = tokens.spell(matcher.forced())
    const moved = forced.length > 0 ? forced.every(take) : (isInString() && tokens.quote.some(take)) || tokens.single.some(take)
    if (!moved) break
    found = isAtEnd()
  }
  if (path.length > 0) matcher.rollBack(path.length)
  return found ? path : null
}
