/** Why a template did not render, by the name that Python gives the kind. */
export type RefusalKind = 'TemplateError' | 'UndefinedError' | 'TypeError' | 'ValueError' | 'SyntaxError' | 'ZeroDivisionError' | 'LimitError'

export class TemplateRefusal extends Error {
  readonly kind: RefusalKind
  constructor(kind: RefusalKind, message: string) {
    super(message)
    this.name = 'TemplateRefusal'
    this.kind = kind
  }
}

/** @throws {TemplateRefusal} always */
export function refuse(kind: RefusalKind, message: string): never {
  throw new TemplateRefusal(kind, message)
}

/** Templates come with checkpoints of strangers: what they may build has a bound. Far above what any conversation needs. */
const MAX_CHARACTERS = 1 << 26
const MAX_ELEMENTS = 1 << 21

/** Of a text. @throws {TemplateRefusal} LimitError */
export function checkLength(characters: number | bigint): void {
  if (characters > MAX_CHARACTERS) refuse('LimitError', `it builds a text of ${characters} characters`)
}

/** Of a list. @throws {TemplateRefusal} LimitError */
export function checkCount(elements: number | bigint): void {
  if (elements > MAX_ELEMENTS) refuse('LimitError', `it builds a list of ${elements} elements`)
}
