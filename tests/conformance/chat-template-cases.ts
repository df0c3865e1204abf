/** The conversations of `chat-templates/` against what transformers renders of them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { parseExactJson } from '../../core/jinja/exact-json.ts'
import { TemplateRefusal } from '../../core/jinja/refusal.ts'
import { createChatTemplate, type ChatTurn } from '../../core/text/chat-template.ts'
import { startOutcome, type Outcome } from './outcome.ts'

/** As `parseExactJson` gives an object: what a template sees of numbers and the order of keys is exact. */
const record = z.map(z.string(), z.unknown()).transform((map) => Object.fromEntries(map))
const caseSchema = record.pipe(
  z.object({
    template: z.string(),
    name: z.string(),
    bos_token: z.string(),
    eos_token: z.string(),
    messages: z.array(record.pipe(z.looseObject({ role: z.string() }))),
    arguments: record.pipe(z.looseObject({ add_generation_prompt: z.boolean().optional(), continue_final_message: z.boolean().optional() })),
    rendered: z.string().optional(),
    error: z.string().optional(),
    error_type: z.string().optional(),
  }),
)
const fileSchema = record.pipe(z.object({ cases: z.array(caseSchema) }))
type TemplateCase = z.infer<typeof caseSchema>

/** Null where all is as it should be. */
function fault(one: TemplateCase, source: string): string | null {
  const { add_generation_prompt = false, continue_final_message = false, ...variables } = one.arguments
  const turns: readonly ChatTurn[] = one.messages
  let rendered: string
  try {
    const template = createChatTemplate(source, { bos_token: one.bos_token, eos_token: one.eos_token })
    rendered = template.render(turns, { addGenerationPrompt: add_generation_prompt, continueFinal: continue_final_message, variables })
  } catch (error) {
    const cause = error instanceof Error ? error.cause : null
    if (one.rendered !== undefined) return `refused: ${error instanceof Error ? error.message : String(error)}`
    // The words of other refusals are Python's own.
    if (one.error_type !== 'TemplateError') return null
    return cause instanceof TemplateRefusal && cause.kind === 'TemplateError' && cause.message === one.error
      ? null
      : `refused, but not with ${one.error}`
  }
  if (one.rendered === undefined) return `rendered, where transformers refuses: ${one.error}`
  if (rendered === one.rendered) return null
  let at = 0
  while (rendered[at] === one.rendered[at]) at++
  return `differs at ${at}: ${JSON.stringify(rendered.slice(at, at + 40))}, not ${JSON.stringify(one.rendered.slice(at, at + 40))}`
}

/** One outcome a template. @param folder has cases.json and templates/ */
export function chatTemplateOutcomes(folder: string): Outcome[] {
  const { cases } = fileSchema.parse(parseExactJson(readFileSync(join(folder, 'cases.json'), 'utf8')))
  return [...new Set(cases.map(({ template }) => template))].map((template) => {
    const { check, end } = startOutcome(template)
    const source = readFileSync(join(folder, 'templates', `${template}.jinja`), 'utf8')
    for (const one of cases.filter((other) => other.template === template)) {
      const found = fault(one, source)
      check(`${one.name} ${found ?? ''}`, found === null)
    }
    return end()
  })
}
