import type { TokenBytes } from './token-bytes.ts'

/** Turns token ids into text as they come, a whole character at a time. */
export type Detokenizer = {
  /** The characters that this token completes; '' while one is incomplete. */
  readonly push: (id: number) => string
  /** Ends the text with what is held. Bytes of a character that was never completed are dropped: half a character is no text. */
  readonly end: () => string
}

/** Whole texts only: it keeps nothing between calls. */
const DECODER = new TextDecoder('utf-8', { ignoreBOM: true })

export type DetokenizerOptions = {
  /** Leave out special tokens such as end of turn. Default true. */
  readonly skipSpecial?: boolean
  /** Special tokens that stay in the text all the same. */
  readonly keeps?: readonly string[]
  /** The text goes on after another one, so the space that starts it belongs to it. Default false. */
  readonly continues?: boolean
}

export function createDetokenizer(tokens: TokenBytes, options: DetokenizerOptions = {}): Detokenizer {
  let pending: number[] = []
  let spacesToDrop = options.continues ? 0 : tokens.leadingSpaces
  const isKept = (id: number): boolean => options.keeps?.includes(new TextDecoder().decode(tokens.bytesOf(id))) ?? false
  const dropSpaces = (text: string): string => {
    let start = 0
    while (start < text.length && spacesToDrop > 0) {
      if (text[start] === ' ') {
        start++
        spacesToDrop--
      } else spacesToDrop = 0
    }
    return text.slice(start)
  }
  return {
    push: (id) => {
      if ((options.skipSpecial ?? true) && tokens.isSpecial(id) && !isKept(id)) return ''
      for (const byte of tokens.bytesOf(id)) pending.push(byte)
      const text = DECODER.decode(Uint8Array.from(pending))
      // Held whole, as Hugging Face's decode streams do, so that a token's text is never torn.
      if (text.endsWith('\ufffd')) return ''
      pending = []
      return dropSpaces(text)
    },
    // A streaming decoder gives what is whole and keeps the rest to itself.
    end: () => dropSpaces(new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(pending), { stream: true })),
  }
}

/** The text of a whole sequence, as Hugging Face's tokenizers decode it: what is not UTF-8 becomes U+FFFD. */
export function decodeTokens(tokens: TokenBytes, ids: readonly number[], options: DetokenizerOptions = {}): string {
  const kept = (options.skipSpecial ?? true) ? ids.filter((id) => !tokens.isSpecial(id)) : ids
  let text = ''
  let run: number[] = []
  let isRawRun = false
  const flush = (): void => {
    text += decodeRun(Uint8Array.from(run), isRawRun)
    run = []
  }
  for (const id of kept) {
    if (tokens.isRawByte(id) !== isRawRun) {
      flush()
      isRawRun = !isRawRun
    }
    for (const byte of tokens.bytesOf(id)) run.push(byte)
  }
  flush()
  let start = 0
  while (!options.continues && start < tokens.leadingSpaces && text[start] === ' ') start++
  return text.slice(start)
}

function decodeRun(bytes: Uint8Array, isRawRun: boolean): string {
  if (!isRawRun) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  try {
    return new TextDecoder('utf-8', { ignoreBOM: true, fatal: true }).decode(bytes)
  } catch {
    return '\ufffd'.repeat(bytes.length)
  }
}
