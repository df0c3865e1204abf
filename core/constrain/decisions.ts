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

/**
 * An expression for exactly these texts.
 * @param define makes a rule of an expression and gives its name
 */
export function decide(texts: readonly (readonly Sign[])[], define: (expression: string) => string): string {
  const known = new Map<string, string>()

  function expressionOf(all: readonly (readonly Sign[])[]): string {
    const [only] = all
    if (only && all.length === 1) return only.length === 0 ? '""' : only.map((sign) => classOf([sign])).join(' ')
    const groups = new Map<string, { readonly rest: readonly (readonly Sign[])[]; readonly signs: Sign[] }>()
    for (const segment of segmentsOf(all.flatMap((text) => text.slice(0, 1)))) {
      const rest = all.filter(([first]) => first && first[0] <= segment[0] && segment[1] <= first[1]).map((text) => text.slice(1))
      const unique = [...new Map(rest.map((text) => [JSON.stringify(text), text])).values()]
      const key = JSON.stringify(unique)
      groups.set(key, { rest: unique, signs: [...(groups.get(key)?.signs ?? []), segment] })
    }
    const choices = [...groups].map(([key, { rest, signs }]) => {
      const next = rest.length === 1 ? expressionOf(rest) : (known.get(key) ?? define(expressionOf(rest)))
      if (rest.length > 1) known.set(key, next)
      return next === '""' ? classOf(signs) : `${classOf(signs)} ${next}`
    })
    const mayEnd = all.some((text) => text.length === 0)
    return [...choices, ...(mayEnd ? ['""'] : [])].join(' | ')
  }

  return `(${expressionOf([...new Map(texts.map((text) => [JSON.stringify(text), text])).values()])})`
}
