/**
 * JSON that strangers send. One pass over the text refuses what is cheap to send and dear to handle before anything is built:
 * deep nesting, huge arrays, repeated keys, keys that reach prototypes (faults.md 25, 33).
 */
import { ClusterError } from '../../protocol/errors.ts'

const MAX_DEPTH = 64
/** Values in one body. A prompt of token ids has one for each token; the largest contexts are near 2^20 / 4. */
const MAX_VALUES = 300_000
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype'])

const refuse = (what: string): ClusterError => new ClusterError('invalid_json', `the request body is not acceptable JSON: ${what}`)

/** Index of the quote that closes the string opened at `start`. */
function closingQuote(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++
    if (backslashes % 2 === 0) return at
  }
  throw refuse('a string does not end')
}

function keyText(raw: string): string {
  if (!raw.includes('\\')) return raw
  try {
    return String(JSON.parse(`"${raw}"`))
  } catch (cause) {
    throw new ClusterError('invalid_json', 'the request body is not acceptable JSON: a key has a malformed escape', { cause })
  }
}

function checkKey(raw: string, keys: Set<string>): void {
  const key = keyText(raw)
  if (FORBIDDEN_KEYS.has(key)) throw refuse(`the key ${key} is not allowed`)
  if (keys.has(key)) throw refuse(`the key ${JSON.stringify(key.slice(0, 80))} appears twice in one object`)
  keys.add(key)
}

/** Refuses by structure; syntax is left to JSON.parse. */
function checkStructure(text: string): void {
  /** Keys so far of each open object, null for arrays. */
  const open: (Set<string> | null)[] = []
  let isKeyNext = false
  let values = 1
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: {
        const end = closingQuote(text, at)
        const keys = open.at(-1)
        if (isKeyNext && keys) checkKey(text.slice(at + 1, end), keys)
        at = end
        break
      }
      case 0x7b:
      case 0x5b:
        isKeyNext = text.charCodeAt(at) === 0x7b
        if (open.push(isKeyNext ? new Set() : null) > MAX_DEPTH) throw refuse(`it nests deeper than ${MAX_DEPTH} levels`)
        break
      case 0x7d:
      case 0x5d:
        open.pop()
        isKeyNext = false
        break
      case 0x2c:
        isKeyNext = open.at(-1) !== null && open.length > 0
        if (++values > MAX_VALUES) throw refuse(`it has more than ${MAX_VALUES} values`)
        break
      case 0x3a:
        isKeyNext = false
    }
  }
}

const hasLoneSurrogate = (text: string): boolean => /\\u[dD][89a-fA-F]/.test(text)

/** @throws {ClusterError} invalid_json */
export function parseJson(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new ClusterError('invalid_json', 'the request body is not UTF-8', { cause })
  }
  checkStructure(text)
  try {
    return JSON.parse(text, hasLoneSurrogate(text) ? refuseLoneSurrogates : undefined)
  } catch (cause) {
    if (cause instanceof ClusterError) throw cause
    throw new ClusterError('invalid_json', `the request body is not JSON: ${cause instanceof Error ? cause.message.slice(0, 200) : ''}`, { cause })
  }
}

/** Escapes can spell half a character, which no text can hold. */
function refuseLoneSurrogates(_key: string, value: unknown): unknown {
  if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) throw refuse('a string holds half of a surrogate pair')
  return value
}
