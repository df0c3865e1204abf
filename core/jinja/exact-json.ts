/**
 * JSON without what JSON.parse loses and a template shows: whether a number is an int or a float, ints beyond 2^53, and the order of
 * keys that look like numbers.
 */
const MAX_DEPTH = 200
const TOKEN = /\s*(?:("(?:[^"\\]|\\.)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?)|(true|false|null)|([{}[\]:,]))\s*/y

/**
 * Objects become Maps, ints bigints, floats numbers. The result may cross to a worker.
 * @throws {SyntaxError} when the text is not JSON
 */
export function parseExactJson(text: string): unknown {
  let at = 0
  const fail = (): never => {
    throw new SyntaxError(`not JSON at character ${at}`)
  }
  const next = (): RegExpExecArray => {
    TOKEN.lastIndex = at
    const token = TOKEN.exec(text) ?? fail()
    at = TOKEN.lastIndex
    return token
  }
  const isNext = (sign: string): boolean => {
    const start = at
    const [, , , , found] = next()
    if (found === sign) return true
    at = start
    return false
  }
  const expect = (sign: string): void => void (isNext(sign) || fail())

  function elements(close: string, element: () => void): void {
    if (isNext(close)) return
    do element()
    while (isNext(','))
    expect(close)
  }

  function value(depth: number): unknown {
    if (depth > MAX_DEPTH) fail()
    const [, string, number, word, sign] = next()
    // JSON.parse knows the escapes and refuses what stands raw.
    if (string !== undefined) return JSON.parse(string)
    if (number !== undefined) return /^-?\d+$/.test(number) ? BigInt(number) : Number(number)
    if (word !== undefined) return word === 'null' ? null : word === 'true'
    if (sign === '[') {
      const items: unknown[] = []
      elements(']', () => items.push(value(depth + 1)))
      return items
    }
    if (sign !== '{') return fail()
    const entries = new Map<unknown, unknown>()
    elements('}', () => {
      const key = value(depth + 1)
      if (typeof key !== 'string') fail()
      expect(':')
      entries.set(key, value(depth + 1))
    })
    return entries
  }

  const whole = value(0)
  return at === text.length ? whole : fail()
}
