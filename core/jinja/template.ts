/**
 * Jinja as chat templates use it, with Python's values: what Jinja 3.1 renders in the environment that transformers sets up.
 * Why not a library: docs/decisions.
 */
import { createBudget } from './budget.ts'
import { fromPlain } from './from-plain.ts'
import { globalNames } from './globals.ts'
import { parseTemplate } from './parser.ts'
import { renderBlock } from './render.ts'
import { Scope } from './scope.ts'

export type Template = {
  /** Names that the template reads, of variables among others. */
  readonly reads: ReadonlySet<string>
  /**
   * @param variables plain values; objects become dicts
   * @throws {TemplateRefusal} where Python refuses; kind TemplateError with the template's own words when it called raise_exception
   */
  readonly render: (variables: Readonly<Record<string, unknown>>) => string
}

/**
 * @param now what `strftime_now` takes for now
 * @throws {TemplateRefusal} SyntaxError
 */
export function compileTemplate(source: string, now: () => Date): Template {
  const { statements, reads } = parseTemplate(source)
  return {
    reads,
    render: (variables) => {
      const globals = new Scope(null, globalNames(now))
      const given = new Scope(
        globals,
        Object.entries(variables)
          .filter(([, value]) => value !== undefined)
          .map(([name, value]) => [name, fromPlain(value)] as const),
      )
      const output: string[] = []
      renderBlock(statements, given, createBudget(), output)
      return output.join('')
    },
  }
}
