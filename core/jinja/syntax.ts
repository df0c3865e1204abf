/** What a template consists of. */
import type { Value } from './values.ts'

export type Arguments = {
  readonly positional: readonly Expression[]
  readonly named: readonly (readonly [string, Expression])[]
  /** `*items` and `**entries`. */
  readonly spread: Expression | null
  readonly namedSpread: Expression | null
}
export type Call = { readonly type: 'call'; readonly callee: Expression; readonly args: Arguments }
/** `target` null: the filter of a block, which takes the block's text. */
export type Filter = { readonly type: 'filter'; readonly target: Expression | null; readonly name: string; readonly args: Arguments }
export type Expression =
  | { readonly type: 'constant'; readonly value: Value }
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'list' | 'tuple'; readonly items: readonly Expression[] }
  | { readonly type: 'dict'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly type: 'member'; readonly target: Expression; readonly name: string }
  | { readonly type: 'item'; readonly target: Expression; readonly key: Expression }
  | { readonly type: 'slice'; readonly target: Expression; readonly bounds: readonly [Expression | null, Expression | null, Expression | null] }
  | Call
  | Filter
  | { readonly type: 'test'; readonly target: Expression; readonly name: string; readonly args: Arguments }
  | { readonly type: 'negative' | 'positive' | 'not'; readonly operand: Expression }
  | { readonly type: 'arithmetic'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'concat'; readonly parts: readonly Expression[] }
  | { readonly type: 'compare'; readonly first: Expression; readonly rest: readonly (readonly [operator: string, Expression])[] }
  | { readonly type: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'choice'; readonly test: Expression; readonly yes: Expression; readonly no: Expression | null }

export type Target =
  | { readonly type: 'name'; readonly name: string }
  | { readonly type: 'attribute'; readonly name: string; readonly attribute: string }
  | { readonly type: 'targets'; readonly items: readonly Target[] }

export type MacroParameter = { readonly name: string; readonly fallback: Expression | null }
export type MacroBody = {
  readonly name: string
  readonly parameters: readonly MacroParameter[]
  readonly body: readonly Statement[]
  /** Names that the body reads: a macro takes further arguments only if it reads `varargs` or `kwargs`. */
  readonly reads: ReadonlySet<string>
}
type Block = readonly Statement[]
export type ForStatement = {
  readonly type: 'for'
  readonly target: Target
  readonly items: Expression
  readonly test: Expression | null
  readonly body: Block
  readonly otherwise: Block
  readonly isRecursive: boolean
}
export type Statement =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'print'; readonly value: Expression }
  | { readonly type: 'if'; readonly branches: readonly { readonly test: Expression; readonly body: Block }[]; readonly otherwise: Block }
  | ForStatement
  | { readonly type: 'break' | 'continue' }
  | { readonly type: 'set'; readonly target: Target; readonly value: Expression }
  | { readonly type: 'set-block'; readonly target: Target; readonly filter: Expression | null; readonly body: Block }
  | { readonly type: 'macro'; readonly macro: MacroBody }
  | { readonly type: 'call-block'; readonly call: Call; readonly caller: MacroBody }
  | { readonly type: 'filter-block'; readonly filter: Expression; readonly body: Block }
  | { readonly type: 'with'; readonly values: readonly (readonly [Target, Expression])[]; readonly body: Block }
