/**
 * Sets of texts as rules in which each sign decides what may follow. xgrammar 0.1.27 merges alternatives that begin alike, from about
 * eight on, into more than they say; where none begins like another there is nothing to merge.
 */

/** One sign of a range of code points, both ends included. */
export type Sign = readonly [from: number, to: number]

export const signsOf = (text: string): readonly Sign[] =>
  Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0
    return [code, code]
  })

const escaped = (code: number): string => `\\U${code.toString(16).padStart(8, '0')}`
const classOf = (signs: readonly Sign[]): string =>
  `[${signs.map(([from, to]) => (from === to ? escaped(from) : `${escaped(from)}-${escaped(to)}`)).join('')}]`

/** Cuts ranges so that any two are equal or have nothing in common. */
function segmentsOf(signs: readonly Sign[]): readonly Sign[] {
  const starts = [...new Set(signs.flatMap(([from, to]) => [from, to + 1]))].sort((a, b) => a - b)
  const segments = starts.slice(0, -1).map((from, at): Sign => [from, (starts[at + 1] ?? from) - 1])
  return segments.filter(([from]) => signs.some(([low, high]) => low <= from && from <= high))
}

/** A text, and the expression for what comes behind it. */
export type Decision = { readonly signs: readonly Sign[]; readonly follows: string }
type Define = (expression: string) => string

const distinct = (all: readonly Decision[]): readonly Decision[] => [...new Map(all.map((one) => [JSON.stringify(one), one])).values()]
const spelled = ({ signs, follows }: Decision): string =>
  [...signs.map((sign) => classOf([sign])), ...(follows === '' ? [] : [follows])].join(' ') || '""'

/**
 * An expression for exactly these texts, each with what follows it. Where one text begins another, both follow the shorter one.
 * @param define makes a rule of an expression and gives its name
 */
export function decideThen(decisions: readonly Decision[], define: Define): string {
  const known = new Map<string, string>()

  function expressionOf(all: readonly Decision[]): string {
    const [only] = all
    if (only && all.length === 1) return spelled(only)
    const groups = new Map<string, { readonly rest: readonly Decision[]; readonly signs: Sign[] }>()
    for (const segment of segmentsOf(all.flatMap(({ signs }) => signs.slice(0, 1)))) {
      const within = all.filter(({ signs: [first] }) => first && first[0] <= segment[0] && segment[1] <= first[1])
      const rest = distinct(within.map(({ signs, follows }) => ({ signs: signs.slice(1), follows })))
      const key = JSON.stringify(rest)
      groups.set(key, { rest, signs: [...(groups.get(key)?.signs ?? []), segment] })
    }
    const choices = [...groups].map(([key, { rest, signs }]) => {
      const next = rest.length === 1 ? expressionOf(rest) : (known.get(key) ?? define(expressionOf(rest)))
      if (rest.length > 1) known.set(key, next)
      return next === '""' ? classOf(signs) : `${classOf(signs)} ${next}`
    })
    const ended = all.filter(({ signs }) => signs.length === 0).map(({ follows }) => follows || '""')
    return [...choices, ...ended].join(' | ')
  }

  return `(${expressionOf(distinct(decisions))})`
}

/** An expression for exactly these texts. */
export const decide = (texts: readonly (readonly Sign[])[], define: Define): string =>
  decideThen(
    texts.map((signs) => ({ signs, follows: '' })),
    define,
  )
