/**
 * Makes half-written Markdown safe to draw: while an answer streams, what is not finished yet must neither flash as raw
 * marks nor turn the text above it into something else for a moment.
 */
import { maskedMath, withoutHalfMath } from './math-marks.ts'

const FENCE = /^ {0,3}(`{3,}|~{3,})/

/** Index of the line that opens a code fence which is still open at the end, or -1. */
function openFence(lines: readonly string[]): number {
  let opened = -1
  let mark = ''
  lines.forEach((line, index) => {
    const fence = FENCE.exec(line)?.[1]
    if (fence === undefined) return
    if (opened < 0) {
      opened = index
      mark = fence
    } else if (fence[0] === mark[0] && fence.length >= mark.length && line.trim() === fence) opened = -1
  })
  return opened
}

/** A last line that is only the start of something: `-` could underline the paragraph above into a heading, `#` is an empty one. */
const UNDECIDED_LINE = /^\s*(#{1,6}|[-=*_+]+|[-=*_+](\s+[-*_])*|\d{1,3}[.)]?|>+|`{1,2}|~{1,2}|\|[-:| ]*)\s*$/

/** A table's head without its full delimiter row would show as a line of bars. */
function withoutHalfTable(lines: readonly string[]): readonly string[] {
  if (lines.at(-1) === '' && /^\s*\|/.test(lines.at(-2) ?? '')) return withoutHalfTable(lines.slice(0, -1))
  let start = lines.length
  while (start > 0 && /^\s*\|/.test(lines[start - 1] ?? '')) start--
  const table = lines.slice(start)
  const columns = (table[0]?.split('|').length ?? 0) - 2
  const delimiter = table[1]?.split('|').filter((cell) => /^\s*:?-+:?\s*$/.test(cell)).length ?? 0
  return table.length > 0 && table.length <= 2 && delimiter < Math.max(1, columns) ? lines.slice(0, start) : lines
}

/** A link or image whose target is not complete: only its text, inert. */
const withoutHalfLink = (text: string): string =>
  text
    .replace(/!\[[^\]]*(\](\([^)]*)?)?$/, '')
    .replace(/\[([^\]]*)\]\([^)]*$/, '$1')
    .replace(/\[([^\][]*)\]?$/, '$1')
    .replace(/!$/, '')

const isSpace = (character: string | undefined): boolean => character === undefined || /\s/.test(character)

/** Emphasis that is open at the end of `text`, outermost first, and where a run of marks that has only begun starts. */
function openMarks(text: string): { readonly open: readonly string[]; readonly end: number } {
  const open: string[] = []
  for (let at = 0; at < text.length;) {
    const run = /^(?:\\.|`+|\*+|_+|~+)/s.exec(text.slice(at))?.[0]
    if (run === undefined) {
      at++
      continue
    }
    const next = at + run.length
    if (run.startsWith('`')) {
      const close = text.indexOf(run, next)
      if (close < 0) return next === text.length ? { open, end: at } : { open: [...open, run], end: text.length }
      at = close + run.length
      continue
    }
    const isWordPart = run.startsWith('_') && /\w/.test(text[at - 1] ?? '') && /\w/.test(text[next] ?? '')
    if (open.at(-1) === run && !isSpace(text[at - 1])) open.pop()
    else if (next === text.length && !run.startsWith('\\')) return { open, end: at }
    else if (!run.startsWith('\\') && !isSpace(text[next]) && !isWordPart && run !== '~') open.push(run)
    at = next
  }
  return { open, end: text.length }
}

/** Marks that are open at the end of the last paragraph get closed; before white space, behind which a mark would not close. */
function closeInline(paragraph: string): string {
  const text = withoutHalfLink(paragraph)
  const { open, end } = openMarks(maskedMath(text))
  if (open.length === 0) return end === text.length ? text : text.slice(0, end).trimEnd()
  const words = text.slice(0, end).trimEnd()
  const emptied = open.reduce((left, mark) => left - mark.length, words.length)
  return words.endsWith(open.join('')) ? words.slice(0, emptied) : words + [...open].reverse().join('')
}

/** Lines at which earlier marks end: blocks begin there. */
const BLOCK_START = /^\s*(?:$|[-*+]\s|\d{1,9}[.)]\s|#{1,6}\s|>|\||`{3}|~{3})/

/** `source` as it can be drawn while more is to come. */
export function settleMarkdown(source: string): string {
  const lines = source.split('\n')
  const fence = openFence(lines)
  if (fence >= 0) {
    // Inside code only a half-written closing fence is held back.
    const last = lines.at(-1) ?? ''
    return lines.length - 1 > fence && /^ {0,3}(`{1,}|~{1,})$/.test(last) ? lines.slice(0, -1).join('\n') : source
  }
  const known = withoutHalfMath(source).split('\n')
  const decided = UNDECIDED_LINE.test(known.at(-1) ?? '') ? known.slice(0, -1) : known
  const whole = withoutHalfTable(decided)
  if (FENCE.test(whole.at(-1) ?? '')) return whole.join('\n')
  const block = Math.max(
    0,
    whole.findLastIndex((line) => BLOCK_START.test(line)),
  )
  return [...whole.slice(0, block), closeInline(whole.slice(block).join('\n'))].join('\n')
}
