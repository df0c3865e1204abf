/** The text of a template's statements. */
import type { Budget } from './budget.ts'
import { callValue, evaluate, evaluateArguments, filterText } from './evaluate.ts'
import { createLoop } from './loop.ts'
import { textOf } from './python-text.ts'
import { refuse } from './refusal.ts'
import { Scope } from './scope.ts'
import type { Expression, ForStatement, MacroBody, Statement, Target } from './syntax.ts'
import { type Args, Callable, Dict, isTruthy, Iter, iterate, Namespace, Tuple, Undefined, type Value } from './values.ts'

/** How a block ended: a loop is to be left or to go on with its next item. */
type Ending = 'done' | 'break' | 'continue'
type Output = string[]

function assign(target: Target, value: Value, scope: Scope): void {
  switch (target.type) {
    case 'name':
      return scope.set(target.name, value)
    case 'attribute': {
      const holder = scope.get(target.name)
      if (!(holder instanceof Namespace)) return refuse('TypeError', `cannot assign attribute '${target.attribute}' of what is no namespace`)
      if (target.attribute.startsWith('_')) return refuse('TypeError', 'a namespace takes no name that begins with an underscore')
      holder.attributes.set(target.attribute, value)
      return
    }
    case 'targets': {
      const values = Array.from(iterate(value))
      if (values.length !== target.items.length) return refuse('ValueError', `expected ${target.items.length} values to unpack, got ${values.length}`)
      target.items.forEach((item, i) => assign(item, values[i] ?? null, scope))
    }
  }
}

/** The text of a block of its own. */
function captured(body: readonly Statement[], scope: Scope, budget: Budget): string {
  const output: Output = []
  renderBlock(body, scope, budget, output)
  return output.join('')
}

function* filtered(statement: ForStatement, items: Value, scope: Scope, budget: Budget): Generator<Value> {
  for (const item of iterate(items)) {
    const inner = new Scope(scope)
    assign(statement.target, item, inner)
    if (!statement.test || isTruthy(evaluate(statement.test, inner, budget))) yield item
  }
}

function renderFor(statement: ForStatement, items: Value, scope: Scope, budget: Budget, output: Output, depth = 0): void {
  const recurse = (inner: Value): string => {
    const nested: Output = []
    renderFor(statement, inner, scope, budget, nested, depth + 1)
    return nested.join('')
  }
  const source = statement.test ? new Iter(filtered(statement, items, scope, budget)) : items
  const loop = createLoop(source, depth, statement.isRecursive ? recurse : null)
  let isEmpty = true
  for (let item = loop.next(); item !== undefined; item = loop.next()) {
    budget.step()
    isEmpty = false
    const inner = new Scope(scope, [['loop', loop.value]])
    assign(statement.target, item, inner)
    if (renderBlock(statement.body, inner, budget, output) === 'break') break
  }
  if (isEmpty) renderBlock(statement.otherwise, new Scope(scope), budget, output)
}

/** Parameters of a macro by name, and what is left over. */
function macroNames({ name, parameters, reads }: MacroBody, { positional, named }: Args, inner: Scope, budget: Budget): void {
  const left = new Map(named)
  parameters.forEach((parameter, i) => {
    const given = i < positional.length ? positional[i] : left.get(parameter.name)
    if (i >= positional.length) left.delete(parameter.name)
    const missing = (): Value =>
      parameter.fallback ? evaluate(parameter.fallback, inner, budget) : new Undefined(`parameter '${parameter.name}' was not provided`)
    inner.set(parameter.name, given === undefined ? missing() : given)
  })
  if (reads.has('caller') && !parameters.some((parameter) => parameter.name === 'caller')) {
    inner.set('caller', left.get('caller') ?? new Undefined('no caller defined'))
    left.delete('caller')
  }
  if (reads.has('varargs')) inner.set('varargs', new Tuple(positional.slice(parameters.length)))
  else if (positional.length > parameters.length) refuse('TypeError', `macro '${name}' takes not more than ${parameters.length} argument(s)`)
  if (reads.has('kwargs')) inner.set('kwargs', new Dict(left))
  else if (left.size > 0) refuse('TypeError', `macro '${name}' takes no keyword argument '${[...left.keys()].join(', ')}'`)
}

function macroValue(macro: MacroBody, scope: Scope, budget: Budget): Callable {
  const run = (args: Args): Value => {
    budget.step()
    const inner = new Scope(scope)
    macroNames(macro, args, inner, budget)
    return captured(macro.body, inner, budget)
  }
  const names: readonly Value[] = macro.parameters.map((parameter) => parameter.name)
  return new Callable(
    macro.name,
    run,
    new Map<string, Value>([
      ['name', macro.name],
      ['arguments', new Tuple(names)],
      ['catch_kwargs', macro.reads.has('kwargs')],
      ['catch_varargs', macro.reads.has('varargs')],
      ['caller', macro.reads.has('caller')],
    ]),
  )
}

function renderWith({ values, body }: Extract<Statement, { type: 'with' }>, scope: Scope, budget: Budget, output: Output): Ending {
  const inner = new Scope(scope)
  const evaluated = values.map(([target, expression]) => [target, evaluate(expression, scope, budget)] as const)
  for (const [target, value] of evaluated) assign(target, value, inner)
  return renderBlock(body, inner, budget, output)
}

function renderStatement(statement: Statement, scope: Scope, budget: Budget, output: Output): Ending {
  const write = (text: string): void => {
    budget.write(text.length)
    output.push(text)
  }
  const value = (expression: Expression): Value => evaluate(expression, scope, budget)
  switch (statement.type) {
    case 'text':
      write(statement.text)
      return 'done'
    case 'print':
      write(textOf(value(statement.value)))
      return 'done'
    case 'if': {
      const chosen = statement.branches.find(({ test }) => isTruthy(value(test)))
      return renderBlock(chosen?.body ?? statement.otherwise, scope, budget, output)
    }
    case 'for':
      renderFor(statement, value(statement.items), scope, budget, output)
      return 'done'
    case 'break':
    case 'continue':
      return statement.type
    case 'set':
      assign(statement.target, value(statement.value), scope)
      return 'done'
    case 'set-block': {
      const text = captured(statement.body, new Scope(scope), budget)
      assign(statement.target, statement.filter ? filterText(statement.filter, text, scope, budget) : text, scope)
      return 'done'
    }
    case 'macro':
      scope.set(statement.macro.name, macroValue(statement.macro, scope, budget))
      return 'done'
    case 'call-block': {
      const args = evaluateArguments(statement.call.args, scope, budget)
      const named = new Map([...args.named, ['caller', macroValue(statement.caller, scope, budget)] as const])
      write(textOf(callValue(value(statement.call.callee), { positional: args.positional, named })))
      return 'done'
    }
    case 'filter-block':
      write(textOf(filterText(statement.filter, captured(statement.body, new Scope(scope), budget), scope, budget)))
      return 'done'
    case 'with':
      return renderWith(statement, scope, budget, output)
  }
}

/** Writes the statements' text to `output`. @throws {TemplateRefusal} */
export function renderBlock(statements: readonly Statement[], scope: Scope, budget: Budget, output: Output): Ending {
  for (const statement of statements) {
    budget.step()
    const ending = renderStatement(statement, scope, budget, output)
    if (ending !== 'done') return ending
  }
  return 'done'
}
