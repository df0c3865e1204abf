/** Tells apart what is in the text of an answer as it comes: reasoning, text for the reader, calls of tools. */
import type { ToolFormat } from './tool-format.ts'

export type AnswerPart =
  | { readonly type: 'text' | 'reasoning'; readonly text: string }
  /** A call begins; its arguments follow in pieces. */
  | { readonly type: 'call'; readonly name: string }
  | { readonly type: 'arguments'; readonly text: string }

/** Whether the text so far has reached the answer itself; `undecided`: it may be the mark of reasoning. */
export type AnswerPhase = 'undecided' | 'reasoning' | 'answer'
export type AnswerReader = {
  readonly push: (text: string) => readonly AnswerPart[]
  readonly end: () => readonly AnswerPart[]
  readonly phase: () => AnswerPhase
}

export type AnswerShape = {
  /** `open`: the prompt has begun the reasoning; `possible`: the answer may begin with it. */
  readonly reasoning: 'open' | 'possible' | 'none'
  /** Null where no tools are offered. */
  readonly calls: { readonly format: ToolFormat; readonly names: readonly string[] } | null
}

export const REASONING = { open: '<think>', close: '</think>' } as const

/** Cuts a growing text at a mark, and holds back an end that may become one. */
type Cutter = { readonly push: (text: string) => { readonly before: string; readonly rest: string | null }; readonly end: () => string }

function cutAt(mark: string | null): Cutter {
  let held = ''
  return {
    push: (text) => {
      if (mark === null) return { before: text, rest: null }
      held += text
      const at = held.indexOf(mark)
      if (at >= 0) return { before: held.slice(0, at), rest: held.slice(at + mark.length) }
      let keep = Math.min(held.length, mark.length - 1)
      while (keep > 0 && !mark.startsWith(held.slice(held.length - keep))) keep--
      const before = held.slice(0, held.length - keep)
      held = held.slice(held.length - keep)
      return { before, rest: null }
    },
    end: () => held,
  }
}

/** Finds the index behind the `}` of an object whose text comes in pieces; -1 while it goes on. */
function objectScanner(): (text: string) => number {
  let [depth, inString, isEscaped] = [0, false, false]
  return (text) => {
    for (let at = 0; at < text.length; at++) {
      const sign = text[at]
      if (isEscaped) isEscaped = false
      else if (inString && sign === '\\') isEscaped = true
      else if (sign === '"') inString = !inString
      else if (!inString && sign === '{') depth++
      else if (!inString && sign === '}' && --depth === 0) return at + 1
    }
    return -1
  }
}

type Step = (text: string) => readonly AnswerPart[]
const part = (type: 'text' | 'reasoning' | 'arguments', text: string): readonly AnswerPart[] => (text === '' ? [] : [{ type, text }])

export function createAnswerReader({ reasoning, calls }: AnswerShape): AnswerReader {
  const trigger = calls?.format.trigger ?? null
  let held = ''
  let isFirstCall = true
  let scanObject = objectScanner()
  let cutter = cutAt(null)
  /** The text that follows begins without space: what stands between reasoning, calls and text is no part of any. */
  let trims = false
  let step: Step = start
  /** What is held when the text ends belongs to the text. */
  let heldText = (): readonly AnswerPart[] => part('text', held)

  function plain(type: 'text' | 'reasoning', text: string): readonly AnswerPart[] {
    const shown = trims ? text.trimStart() : text
    if (shown !== '') trims = false
    return part(type, shown)
  }
  function go(next: Step, rest: string, atEnd: () => readonly AnswerPart[]): readonly AnswerPart[] {
    held = ''
    step = next
    heldText = atEnd
    return next(rest)
  }
  function toText(rest: string): readonly AnswerPart[] {
    cutter = cutAt(trigger)
    return go(readText, rest, () => plain('text', cutter.end()))
  }
  function toReasoning(rest: string): readonly AnswerPart[] {
    cutter = cutAt(REASONING.close)
    trims = true
    return go(readReasoning, rest, () => plain('reasoning', cutter.end()))
  }
  const toCall = (rest: string): readonly AnswerPart[] => go(readCall, rest, () => part('text', `${trigger ?? ''}${held}`))

  function start(text: string): readonly AnswerPart[] {
    if (reasoning === 'open') return toReasoning(text)
    if (reasoning === 'none') return toText(text)
    held += text
    const seen = held.trimStart()
    if (seen.startsWith(REASONING.open)) return toReasoning(seen.slice(REASONING.open.length))
    return REASONING.open.startsWith(seen) ? [] : toText(held)
  }
  function readReasoning(text: string): readonly AnswerPart[] {
    const { before, rest } = cutter.push(text)
    const parts = plain('reasoning', before)
    if (rest === null) return parts
    trims = true
    return [...parts, ...toText(rest)]
  }
  function readText(text: string): readonly AnswerPart[] {
    const { before, rest } = cutter.push(text)
    const parts = plain('text', before)
    return rest === null ? parts : [...parts, ...toCall(rest)]
  }
  function readCall(text: string): readonly AnswerPart[] {
    held += text
    if (!calls) return toText(held)
    const { format, names } = calls
    const begins = names.map((name) => ({ name, text: (isFirstCall ? format.open : '') + format.before(name) }))
    const begun = begins.find((candidate) => held.startsWith(candidate.text))
    if (!begun) {
      // What looked like a call and is none is text.
      return begins.some((candidate) => candidate.text.startsWith(held)) ? [] : [...part('text', `${trigger ?? ''}${held}`), ...toText('')]
    }
    isFirstCall = false
    scanObject = objectScanner()
    return [{ type: 'call', name: begun.name }, ...go(readArguments, held.slice(begun.text.length), () => [])]
  }
  function readArguments(text: string): readonly AnswerPart[] {
    const end = scanObject(text)
    if (end < 0) return part('arguments', text)
    return [...part('arguments', text.slice(0, end)), ...go(readEndOfCall, text.slice(end), () => [])]
  }
  function readEndOfCall(text: string): readonly AnswerPart[] {
    held += text
    if (!calls) return toText(held)
    const { after, separator, close } = calls.format
    const next = separator === null ? null : after + separator
    if (next !== null && held.startsWith(next)) return toCall(held.slice(next.length))
    if (next?.startsWith(held) || (after + close).startsWith(held)) return []
    isFirstCall = true
    trims = true
    return toText(held.startsWith(after + close) ? held.slice((after + close).length) : held)
  }

  const phase = (): AnswerPhase => {
    if (step === readReasoning) return 'reasoning'
    return step === start && reasoning !== 'none' ? (reasoning === 'open' ? 'reasoning' : 'undecided') : 'answer'
  }
  return { push: (text) => (text === '' ? [] : step(text)), end: () => heldText(), phase }
}
