/** Jinja's statements. Source: `jinja2/parser.py`; `generation` is transformers' own. */
import { createExpressionParser, type ExpressionParser } from './expression-parser.ts'
import { tokenize } from './lexer.ts'
import type { Expression, MacroBody, MacroParameter, Statement, Target } from './syntax.ts'
import { tokenStream, type TokenStream } from './token-stream.ts'

/** Deeper than any template that a person wrote, and shallow enough for every stack. */
const MAX_DEPTH = 200

/** Statements, and every name that is read anywhere in them. */
export type ParsedTemplate = { readonly statements: readonly Statement[]; readonly reads: ReadonlySet<string> }

/** @throws {TemplateRefusal} SyntaxError, LimitError */
export function parseTemplate(source: string): ParsedTemplate {
  /** Names of the whole template, and of each macro that is being read. */
  const reads = new Set<string>()
  const readers: Set<string>[] = [reads]
  const stream = tokenStream(tokenize(source))
  const expressions = createExpressionParser(stream, (name) => readers.forEach((names) => names.add(name)))
  const parser = createStatementParser(stream, expressions, readers)
  const statements = parser.block([])
  stream.expect('end')
  return { statements, reads }
}

function createStatementParser(stream: TokenStream, { expression, tuple, filters }: ExpressionParser, readers: Set<string>[]) {
  const { is, skip, expect, next, fail } = stream
  let depth = 0

  /** Statements up to one of the words, which is left to be read; the end of the template when none is given. */
  function block(ends: readonly string[]): Statement[] {
    if (++depth > MAX_DEPTH) fail('less nesting')
    const statements: Statement[] = []
    while (!is('end')) {
      if (is('text')) statements.push({ type: 'text', text: next().text })
      else if (skip('print-begin')) {
        statements.push({ type: 'print', value: tuple() })
        expect('print-end')
      } else {
        expect('block-begin')
        if (is('name') && ends.includes(stream.current().text)) {
          depth--
          return statements
        }
        statements.push(statement())
        expect('block-end')
      }
    }
    if (ends.length > 0) fail(ends.join(' or '))
    depth--
    return statements
  }

  /** The block behind the head of a statement, past the word that ends it. */
  function body(end: string): Statement[] {
    expect('block-end')
    const statements = block([end])
    next()
    return statements
  }

  function statement(): Statement {
    const { text } = expect('name')
    switch (text) {
      case 'if':
        return ifStatement()
      case 'for':
        return forStatement()
      case 'set':
        return setStatement()
      case 'macro':
        return { type: 'macro', macro: macroBody(expect('name').text, 'endmacro') }
      case 'call':
        return callStatement()
      case 'filter':
        return { type: 'filter-block', filter: filters(null, true) ?? fail('a filter'), body: body('endfilter') }
      case 'with':
        return withStatement()
      case 'generation':
        return { type: 'with', values: [], body: body('endgeneration') }
      case 'break':
      case 'continue':
        return { type: text }
      default:
        return fail(`a tag that chat templates have, not ${text}`)
    }
  }

  function ifStatement(): Statement {
    const branches: { readonly test: Expression; readonly body: readonly Statement[] }[] = []
    for (;;) {
      const test = tuple({ allowsChoice: false })
      expect('block-end')
      branches.push({ test, body: block(['elif', 'else', 'endif']) })
      const { text } = next()
      if (text === 'elif') continue
      return { type: 'if', branches, otherwise: text === 'else' ? body('endif') : [] }
    }
  }

  function forStatement(): Statement {
    const target = targets(() => is('name', 'in'))
    expect('name', 'in')
    const items = tuple({ allowsChoice: false, ends: () => is('name', 'recursive') })
    const test = skip('name', 'if') ? expression() : null
    const isRecursive = skip('name', 'recursive')
    expect('block-end')
    const loop = block(['else', 'endfor'])
    const otherwise = next().text === 'else' ? body('endfor') : []
    return { type: 'for', target, items, test, body: loop, otherwise, isRecursive }
  }

  /** A name, `name.attribute`, or several of them. */
  function target(): Target {
    if (skip('operator', '(')) {
      const inner = targets(() => is('operator', ')'))
      expect('operator', ')')
      return inner
    }
    const { text: name } = expect('name')
    return skip('operator', '.') ? { type: 'attribute', name, attribute: expect('name').text } : { type: 'name', name }
  }

  function targets(ends: () => boolean): Target {
    const first = target()
    if (!is('operator', ',')) return first
    const items = [first]
    while (skip('operator', ',') && !ends()) items.push(target())
    return { type: 'targets', items }
  }

  function setStatement(): Statement {
    const assigned = targets(() => is('operator', '='))
    if (skip('operator', '=')) return { type: 'set', target: assigned, value: tuple() }
    return { type: 'set-block', target: assigned, filter: filters(null, skip('operator', '|')), body: body('endset') }
  }

  function parameters(): MacroParameter[] {
    expect('operator', '(')
    const found: MacroParameter[] = []
    while (!skip('operator', ')')) {
      if (found.length > 0) expect('operator', ',')
      const { text: name } = expect('name')
      const fallback = skip('operator', '=') ? expression() : null
      if (!fallback && found.at(-1)?.fallback) fail('a default for this parameter too')
      found.push({ name, fallback })
    }
    return found
  }

  function macroBody(name: string, end: string, declared?: readonly MacroParameter[]): MacroBody {
    const reads = new Set<string>()
    readers.push(reads)
    const macro = { name, parameters: declared ?? parameters(), body: body(end), reads }
    readers.pop()
    return macro
  }

  function callStatement(): Statement {
    const declared = is('operator', '(') ? parameters() : []
    const called = expression()
    if (called.type !== 'call') return fail('a call')
    return { type: 'call-block', call: called, caller: macroBody('caller', 'endcall', declared) }
  }

  function withStatement(): Statement {
    const values: (readonly [Target, Expression])[] = []
    while (!is('block-end')) {
      if (values.length > 0) expect('operator', ',')
      const assigned = target()
      expect('operator', '=')
      values.push([assigned, expression()])
    }
    return { type: 'with', values, body: body('endwith') }
  }

  return { block }
}
