/** The value of an expression. */
import type { Budget } from './budget.ts'
import { itemOf, memberOf, sliceOf } from './lookup.ts'
import { arithmetic, compare, contains, isEqual, negate, numberOf } from './operators.ts'
import { textOf } from './python-text.ts'
import { checkLength, refuse } from './refusal.ts'
import type { Scope } from './scope.ts'
import { applyFilter, applyTest } from './sequence-filters.ts'
import type { Arguments, Expression } from './syntax.ts'
import { type Args, Callable, Dict, isTruthy, iterate, LoopValue, refuseUndefined, Tuple, typeName, Undefined, type Value } from './values.ts'

export function evaluateArguments({ positional, named, spread, namedSpread }: Arguments, scope: Scope, budget: Budget): Args {
  const value = (expression: Expression): Value => evaluate(expression, scope, budget)
  const names = new Map(named.map(([name, expression]) => [name, value(expression)]))
  const extra = namedSpread ? value(namedSpread) : null
  if (extra !== null && !(extra instanceof Dict)) return refuse('TypeError', `argument after ** must be a mapping, not ${typeName(extra)}`)
  for (const [name, one] of extra?.entries() ?? []) names.set(textOf(name), one)
  return { positional: [...positional.map(value), ...(spread ? iterate(value(spread)) : [])], named: names }
}

/** @throws {TemplateRefusal} TypeError for what cannot be called */
export function callValue(callee: Value, args: Args): Value {
  refuseUndefined(callee)
  if (callee instanceof Callable) return callee.call(args)
  if (callee instanceof LoopValue) return callee.recurse(args)
  return refuse('TypeError', `'${typeName(callee)}' object is not callable`)
}

function holds(operator: string, a: Value, b: Value): boolean {
  switch (operator) {
    case '==':
      return isEqual(a, b)
    case '!=':
      return !isEqual(a, b)
    case 'in':
      return contains(b, a)
    case 'not in':
      return !contains(b, a)
    case '<':
      return compare(a, b) < 0
    case '<=':
      return compare(a, b) <= 0
    case '>':
      return compare(a, b) > 0
    default:
      return compare(a, b) >= 0
  }
}

/** `a < b < c` holds where each pair does; later ones are not looked at after the first that fails. */
function evaluateComparison({ first, rest }: Extract<Expression, { type: 'compare' }>, scope: Scope, budget: Budget): boolean {
  let left = evaluate(first, scope, budget)
  for (const [operator, expression] of rest) {
    const right = evaluate(expression, scope, budget)
    if (!holds(operator, left, right)) return false
    left = right
  }
  return true
}

function positive(value: Value): Value {
  refuseUndefined(value)
  return numberOf(value) ?? refuse('TypeError', `bad operand type for unary +: '${typeName(value)}'`)
}

function concatenated(parts: readonly Value[]): string {
  const texts = parts.map(textOf)
  checkLength(texts.reduce((total, text) => total + text.length, 0))
  return texts.join('')
}

/** @throws {TemplateRefusal} where Python refuses */
export function evaluate(expression: Expression, scope: Scope, budget: Budget): Value {
  budget.step()
  const value = (inner: Expression): Value => evaluate(inner, scope, budget)
  switch (expression.type) {
    case 'constant':
      return expression.value
    case 'name':
      return scope.get(expression.name)
    case 'list':
      return expression.items.map(value)
    case 'tuple':
      return new Tuple(expression.items.map(value))
    case 'dict':
      return new Dict(expression.entries.map(([key, item]) => [value(key), value(item)] as const))
    case 'member':
      return memberOf(value(expression.target), expression.name)
    case 'item':
      return itemOf(value(expression.target), value(expression.key))
    case 'slice': {
      const [start, stop, step] = expression.bounds.map((bound) => (bound ? value(bound) : null))
      return sliceOf(value(expression.target), start ?? null, stop ?? null, step ?? null)
    }
    case 'call':
      return callValue(value(expression.callee), evaluateArguments(expression.args, scope, budget))
    case 'filter':
      if (!expression.target) return refuse('SyntaxError', 'a filter of nothing')
      return applyFilter(expression.name, value(expression.target), evaluateArguments(expression.args, scope, budget))
    case 'test':
      return applyTest(expression.name, value(expression.target), evaluateArguments(expression.args, scope, budget))
    case 'negative':
      return negate(value(expression.operand))
    case 'positive':
      return positive(value(expression.operand))
    case 'not':
      return !isTruthy(value(expression.operand))
    case 'arithmetic':
      return arithmetic(expression.operator, value(expression.left), value(expression.right))
    case 'concat':
      return concatenated(expression.parts.map(value))
    case 'compare':
      return evaluateComparison(expression, scope, budget)
    case 'and': {
      const left = value(expression.left)
      return isTruthy(left) ? value(expression.right) : left
    }
    case 'or': {
      const left = value(expression.left)
      return isTruthy(left) ? left : value(expression.right)
    }
    case 'choice':
      if (isTruthy(value(expression.test))) return value(expression.yes)
      return expression.no ? value(expression.no) : new Undefined('the inline if-expression was false and has no else')
  }
}

/** What the filters of a block make of its text. */
export function filterText(filter: Expression, text: string, scope: Scope, budget: Budget): Value {
  if (filter.type !== 'filter') return refuse('SyntaxError', 'a block can only be filtered')
  const inner = filter.target ? filterText(filter.target, text, scope, budget) : text
  return applyFilter(filter.name, inner, evaluateArguments(filter.args, scope, budget))
}
