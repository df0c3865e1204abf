/** Jinja's expressions, with its own precedence: `~` binds tighter than `+`, filters and tests tighter than `**`. Source: `jinja2/parser.py`. */
import type { TokenStream } from './token-stream.ts'
import type { Arguments, Call, Expression, Filter } from './syntax.ts'
import type { Value } from './values.ts'

export type ExpressionParser = {
  readonly expression: (allowsChoice?: boolean) => Expression
  /** One expression, or several with commas between them as a tuple. `ends` tells where a comma may be the last. */
  readonly tuple: (options?: { allowsChoice?: boolean; isParenthesized?: boolean; ends?: () => boolean }) => Expression
  /** `upper | trim` behind the `|` or the name of a block. */
  readonly filters: (target: Expression | null, isFirstNamed: boolean) => Expression | null
}

const CONSTANTS: Readonly<Record<string, Value>> = { true: true, True: true, false: false, False: false, none: null, None: null }
const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>='])
const NO_ARGUMENTS: Arguments = { positional: [], named: [], spread: null, namedSpread: null }
/** Words behind a test's name that are not its argument. */
const NOT_ARGUMENTS: ReadonlySet<string> = new Set(['else', 'or', 'and'])

const intOf = (text: string): bigint => BigInt(text.replaceAll('_', ''))

/** @param onName hears every name that is read */
export function createExpressionParser(stream: TokenStream, onName: (name: string) => void): ExpressionParser {
  const { is, skip, expect, next, fail } = stream
  const operator = (...texts: readonly string[]): string | null => (texts.some((text) => is('operator', text)) ? next().text : null)

  function expression(allowsChoice = true): Expression {
    if (!allowsChoice) return or()
    let value = or()
    while (skip('name', 'if')) {
      const test = or()
      value = { type: 'choice', test, yes: value, no: skip('name', 'else') ? expression() : null }
    }
    return value
  }

  const logic = (type: 'and' | 'or', operand: () => Expression) => (): Expression => {
    let left = operand()
    while (skip('name', type)) left = { type, left, right: operand() }
    return left
  }
  const and = logic('and', not)
  const or = logic('or', and)

  function not(): Expression {
    return skip('name', 'not') ? { type: 'not', operand: not() } : comparison()
  }

  function comparison(): Expression {
    const first = sum()
    const rest: (readonly [string, Expression])[] = []
    for (;;) {
      if (stream.current().type === 'operator' && COMPARISONS.has(stream.current().text)) rest.push([next().text, sum()])
      else if (skip('name', 'in')) rest.push(['in', sum()])
      else if (is('name', 'not') && stream.ahead().type === 'name' && stream.ahead().text === 'in') {
        next()
        next()
        rest.push(['not in', sum()])
      } else return rest.length === 0 ? first : { type: 'compare', first, rest }
    }
  }

  const binary =
    (operand: () => Expression, ...operators: readonly string[]) =>
    (): Expression => {
      let left = operand()
      for (let found = operator(...operators); found !== null; found = operator(...operators)) {
        left = { type: 'arithmetic', operator: found, left, right: operand() }
      }
      return left
    }
  const power = binary(() => unary(true), '**')
  const product = binary(power, '*', '/', '//', '%')
  const sum = binary(concat, '+', '-')

  function concat(): Expression {
    const parts = [product()]
    while (skip('operator', '~')) parts.push(product())
    const [first] = parts
    return parts.length === 1 && first ? first : { type: 'concat', parts }
  }

  function unary(takesFilters: boolean): Expression {
    const sign = operator('-', '+')
    const value: Expression = sign === null ? primary() : { type: sign === '-' ? 'negative' : 'positive', operand: unary(false) }
    const whole = postfix(value)
    return takesFilters ? filtersAndTests(whole) : whole
  }

  function primary(): Expression {
    const { type, text } = stream.current()
    if (type === 'name') {
      next()
      const constant = Object.hasOwn(CONSTANTS, text) ? CONSTANTS[text] : undefined
      if (constant !== undefined) return { type: 'constant', value: constant }
      onName(text)
      return { type: 'name', name: text }
    }
    if (type === 'string') {
      let value = ''
      while (is('string')) value += next().text
      return { type: 'constant', value }
    }
    if (type === 'int') return { type: 'constant', value: intOf(next().text) }
    if (type === 'float') return { type: 'constant', value: Number(next().text.replaceAll('_', '')) }
    if (skip('operator', '(')) {
      const value = tuple({ isParenthesized: true })
      expect('operator', ')')
      return value
    }
    if (skip('operator', '[')) return { type: 'list', items: listed(']', () => expression()) }
    if (skip('operator', '{')) return { type: 'dict', entries: listed('}', entry) }
    return fail('an expression')
  }

  function entry(): readonly [Expression, Expression] {
    const key = expression()
    expect('operator', ':')
    return [key, expression()]
  }

  /** Elements with commas between them, up to and past `close`. */
  function listed<Element>(close: string, element: () => Element): Element[] {
    const elements: Element[] = []
    while (!skip('operator', close)) {
      if (elements.length > 0) expect('operator', ',')
      if (skip('operator', close)) break
      elements.push(element())
    }
    return elements
  }

  function tuple({ allowsChoice = true, isParenthesized = false, ends = () => false }: Parameters<ExpressionParser['tuple']>[0] = {}): Expression {
    const items: Expression[] = []
    let isTuple = false
    const isEnd = (): boolean => is('print-end') || is('block-end') || is('operator', ')') || ends()
    for (;;) {
      if (items.length > 0) expect('operator', ',')
      if (isEnd()) break
      items.push(expression(allowsChoice))
      if (!is('operator', ',')) break
      isTuple = true
    }
    const [first] = items
    if (!isTuple && first) return first
    return isTuple || isParenthesized ? { type: 'tuple', items } : fail('an expression')
  }

  function postfix(value: Expression): Expression {
    let whole = value
    for (;;) {
      if (skip('operator', '.')) whole = member(whole)
      else if (skip('operator', '[')) whole = subscripts(whole)
      else if (is('operator', '(')) whole = call(whole)
      else return whole
    }
  }

  function member(target: Expression): Expression {
    if (is('int')) return { type: 'item', target, key: { type: 'constant', value: intOf(next().text) } }
    return { type: 'member', target, name: expect('name').text }
  }

  function subscripts(target: Expression): Expression {
    const parts = listed(']', () => subscript(target))
    const [first] = parts
    if (!first) return fail('a subscript')
    if (parts.length === 1) return first.type === 'slice' ? first : { type: 'item', target, key: first }
    return { type: 'item', target, key: { type: 'tuple', items: parts } }
  }

  function subscript(target: Expression): Expression {
    const isEnd = (): boolean => is('operator', ']') || is('operator', ',')
    const bounds: [Expression | null, Expression | null, Expression | null] = [is('operator', ':') ? null : expression(), null, null]
    const [index] = bounds
    if (!skip('operator', ':')) return index ?? fail('a subscript')
    if (!is('operator', ':') && !isEnd()) bounds[1] = expression()
    if (skip('operator', ':') && !isEnd()) bounds[2] = expression()
    return { type: 'slice', target, bounds }
  }

  function call(callee: Expression): Call {
    return { type: 'call', callee, args: callArguments() }
  }

  function callArguments(): Arguments {
    expect('operator', '(')
    const [positional, named]: [Expression[], (readonly [string, Expression])[]] = [[], []]
    let [spread, namedSpread]: [Expression | null, Expression | null] = [null, null]
    listed(')', () => {
      if (namedSpread) fail(')')
      if (skip('operator', '**')) namedSpread = expression()
      else if (is('operator', '*') && !spread) {
        next()
        spread = expression()
      } else if (is('name') && stream.ahead().type === 'operator' && stream.ahead().text === '=') {
        const name = next().text
        next()
        named.push([name, expression()])
      } else if (named.length > 0 || spread) fail('a named argument')
      else positional.push(expression())
    })
    return { positional, named, spread, namedSpread }
  }

  function dottedName(): string {
    let name = expect('name').text
    while (skip('operator', '.')) name += `.${expect('name').text}`
    return name
  }

  function filter(target: Expression | null): Filter {
    const name = dottedName()
    return { type: 'filter', target, name, args: is('operator', '(') ? callArguments() : NO_ARGUMENTS }
  }

  function filters(target: Expression | null, isFirstNamed: boolean): Expression | null {
    let value = isFirstNamed ? filter(target) : target
    while (skip('operator', '|')) value = filter(value)
    return value
  }

  function test(target: Expression): Expression {
    const isNegated = skip('name', 'not')
    const name = dottedName()
    const { type, text } = stream.current()
    let args = NO_ARGUMENTS
    if (is('operator', '(')) args = callArguments()
    else {
      const begins = type === 'name' || type === 'string' || type === 'int' || type === 'float' || (type === 'operator' && '[{'.includes(text))
      if (type === 'name' && text === 'is') fail('no second test')
      if (begins && !(type === 'name' && NOT_ARGUMENTS.has(text))) args = { ...NO_ARGUMENTS, positional: [postfix(primary())] }
    }
    const tested: Expression = { type: 'test', target, name, args }
    return isNegated ? { type: 'not', operand: tested } : tested
  }

  function filtersAndTests(value: Expression): Expression {
    let whole = value
    for (;;) {
      if (skip('operator', '|')) whole = filter(whole)
      else if (skip('name', 'is')) whole = test(whole)
      else if (is('operator', '(')) whole = call(whole)
      else return whole
    }
  }

  return { expression, tuple, filters }
}
