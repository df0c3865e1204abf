import type { Token, TokenType } from './lexer.ts'
import { refuse } from './refusal.ts'

export type TokenStream = {
  readonly current: () => Token
  readonly ahead: () => Token
  readonly next: () => Token
  /** Whether the current token is this one; without a text, of this type. */
  readonly is: (type: TokenType, text?: string) => boolean
  /** Moves past the token if it is this one. */
  readonly skip: (type: TokenType, text?: string) => boolean
  /** @throws {TemplateRefusal} SyntaxError */
  readonly expect: (type: TokenType, text?: string) => Token
  readonly fail: (expected: string) => never
}

export function tokenStream(tokens: readonly Token[]): TokenStream {
  const end: Token = { type: 'end', text: '' }
  let at = 0
  const current = (): Token => tokens[at] ?? end
  const matches = (token: Token, type: TokenType, text?: string): boolean => token.type === type && (text === undefined || token.text === text)
  const is = (type: TokenType, text?: string): boolean => matches(current(), type, text)
  const fail = (expected: string): never => {
    const before = tokens
      .slice(Math.max(0, at - 5), at)
      .map(({ text }) => text.slice(0, 40))
      .join(' ')
    return refuse(
      'SyntaxError',
      `expected ${expected}, got ${current().type} ${JSON.stringify(current().text.slice(0, 40))} after ${JSON.stringify(before)}`,
    )
  }
  const next = (): Token => tokens[at++] ?? end
  return {
    current,
    ahead: () => tokens[at + 1] ?? end,
    next,
    is,
    skip: (type, text) => {
      const found = is(type, text)
      if (found) at++
      return found
    },
    expect: (type, text) => (is(type, text) ? next() : fail(text ?? type)),
    fail,
  }
}
