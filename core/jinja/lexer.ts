/**
 * Jinja's tokens, with trim_blocks and lstrip_blocks on as transformers has them. Source: `jinja2/lexer.py`, whose rules for
 * whitespace around blocks are followed to the letter, because every space reaches the model.
 */
import { isSpace, SPACES, trimEnd } from './python-text.ts'
import { refuse } from './refusal.ts'

export type TokenType = 'text' | 'print-begin' | 'print-end' | 'block-begin' | 'block-end' | 'name' | 'string' | 'int' | 'float' | 'operator' | 'end'
export type Token = { readonly type: TokenType; readonly text: string }

const NUMBER = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy
const INTEGER = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy
const NAME = /[\p{L}\p{N}_]+/uy
const STRING = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/sy
const OPERATOR = /\/\/|\*\*|==|!=|>=|<=|[-+/*%~[\](){}><=.:|,;]/y
const SPACE_RUN = new RegExp(`[${SPACES}]+`, 'y')
const RAW_BEGIN = new RegExp(`\\{%([-+]?)[${SPACES}]*raw[${SPACES}]*(?:-%\\}[${SPACES}]*|%\\})`, 'y')
const RAW_END = new RegExp(`\\{%([-+]?)[${SPACES}]*endraw[${SPACES}]*(?:\\+%\\}|-%\\}[${SPACES}]*|%\\}\\n?)`, 'g')
const BLOCK_END = new RegExp(`\\+%\\}|-%\\}[${SPACES}]*|%\\}\\n?`, 'y')
const PRINT_END = new RegExp(`-\\}\\}[${SPACES}]*|\\}\\}`, 'y')
const COMMENT_END = new RegExp(`\\+#\\}|-#\\}[${SPACES}]*|#\\}\\n?`, 'g')
const OPENING: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }

const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  ...{ '\n': '', '\\': '\\', "'": "'", '"': '"', a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
}
const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([\s\S]))/gu

/** Of the text between quotes; an escape that Python does not know stays as it is. */
const unescape = (text: string): string =>
  text.replace(ESCAPE, (all, byte?: string, short?: string, long?: string, octal?: string, named?: string) => {
    const hex = byte ?? short ?? long
    if (hex === undefined && octal === undefined) return NAMED_ESCAPES[named ?? ''] ?? all
    const code = hex === undefined ? parseInt(octal ?? '0', 8) : parseInt(hex, 16)
    return code > 0x10ffff ? refuse('SyntaxError', `the escape ${all} is no character`) : String.fromCodePoint(code)
  })

/** The text before a tag, as the tag's sign wants it. */
function beforeTag(text: string, sign: string, isPrint: boolean, startsLine: boolean): string {
  if (sign === '-') return trimEnd(text)
  if (sign === '+' || isPrint) return text
  const lineStart = text.lastIndexOf('\n') + 1
  const isIndent = lineStart < text.length && Array.from(text.slice(lineStart)).every(isSpace)
  return isIndent && (lineStart > 0 || startsLine) ? text.slice(0, lineStart) : text
}

/** @throws {TemplateRefusal} SyntaxError */
export function tokenize(template: string): Token[] {
  const lines = template.split(/\r\n|\r|\n/)
  // A single newline at the end is dropped.
  const source = (lines.at(-1) === '' ? lines.slice(0, -1) : lines).join('\n')
  const tokens: Token[] = []
  let at = 0
  let startsLine = true
  const lineAt = (position: number): number => source.slice(0, position).split('\n').length
  const fail = (what: string): never => refuse('SyntaxError', `line ${lineAt(at)}: ${what}`)
  const push = (type: TokenType, text: string): number => tokens.push({ type, text })
  /** What the expression matches here, moving past it. */
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at
    const found = pattern.exec(source)?.[0]
    if (found === undefined) return null
    at += found.length
    return found
  }
  const find = (pattern: RegExp, what: string): RegExpExecArray => {
    pattern.lastIndex = at
    return pattern.exec(source) ?? fail(what)
  }

  function readText(): void {
    const next = /\{[{%#]/g
    next.lastIndex = at
    const tag = next.exec(source)
    const end = tag?.index ?? source.length
    const sign = /[-+]/.exec(source[end + 2] ?? '')?.[0] ?? ''
    const text = source.slice(at, end)
    const kept = tag ? beforeTag(text, sign, tag[0] === '{{', startsLine) : text
    if (kept !== '') push('text', kept)
    at = end
  }

  function readRaw(isLineStart: boolean): void {
    const { 0: tag, 1: sign = '', index } = find(RAW_END, 'raw has no endraw')
    push('text', beforeTag(source.slice(at, index), sign, false, isLineStart))
    at = index + tag.length
    startsLine = tag.endsWith('\n')
  }

  function readExpressionToken(open: string[]): void {
    const found = (type: TokenType, pattern: RegExp): boolean => {
      const text = take(pattern)
      if (text !== null) push(type, type === 'string' ? unescape(text.slice(1, -1)) : text)
      return text !== null
    }
    if (found('float', NUMBER) || found('int', INTEGER) || found('name', NAME) || found('string', STRING)) return
    const operator = take(OPERATOR) ?? fail(`unexpected character ${JSON.stringify(source[at] ?? '')}`)
    if ('([{'.includes(operator)) open.push(operator)
    else if (OPENING[operator] !== undefined && open.pop() !== OPENING[operator]) fail(`unexpected ${operator}`)
    push('operator', operator)
  }

  function readTag(kind: 'print' | 'block'): void {
    const open: string[] = []
    push(`${kind}-begin`, source.slice(at, at + 2))
    at += /[-+]/.test(source[at + 2] ?? '') ? 3 : 2
    for (;;) {
      take(SPACE_RUN)
      const end = open.length === 0 ? take(kind === 'print' ? PRINT_END : BLOCK_END) : null
      if (end !== null) {
        push(`${kind}-end`, end)
        startsLine = end.endsWith('\n')
        return
      }
      if (at >= source.length) fail('the template ends within a tag')
      readExpressionToken(open)
    }
  }

  function readComment(): void {
    at += 2
    const { 0: tag, index } = find(COMMENT_END, 'a comment does not end')
    at = index + tag.length
    startsLine = tag.endsWith('\n')
  }

  while (at < source.length) {
    readText()
    if (at >= source.length) break
    if (source.startsWith('{#', at)) readComment()
    else {
      const raw = take(RAW_BEGIN)
      if (raw === null) readTag(source.startsWith('{{', at) ? 'print' : 'block')
      else readRaw(raw.endsWith('\n'))
    }
  }
  push('end', '')
  return tokens
}
