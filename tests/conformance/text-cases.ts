/** The sections of the golden data that need no backend: blocks, tokenizers, chat templates, sampling. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { chatTemplateOutcomes } from './chat-template-cases.ts'
import type { Outcome } from './outcome.ts'
import { quantOutcomes } from './quant-cases.ts'
import { samplingOutcome } from './sampling-cases.ts'
import { ggufTokenizerOutcome, tokenizerFolderOutcome } from './tokenizer-cases.ts'

/** `id`: section and case, as in `chat-templates/qwen3`. */
export type GroupResult = { readonly id: string; readonly outcome: Outcome; readonly milliseconds: number }

const foldersWith = (root: string, file: string): string[] =>
  existsSync(root)
    ? readdirSync(root)
        .filter((name) => existsSync(join(root, name, file)))
        .sort()
    : []
const sectionIf = (root: string, file: string, run: () => readonly Outcome[] | Promise<readonly Outcome[]>) =>
  existsSync(join(root, file)) ? [run] : []

type Run = () => readonly Outcome[] | Promise<readonly Outcome[]>

/** What there is to run under `root`, by the ids' beginning. */
function runsIn(root: string): readonly (readonly [section: string, Run])[] {
  const quant = sectionIf(join(root, 'quant'), 'manifest.json', () => quantOutcomes(join(root, 'quant')))
  const templates = sectionIf(join(root, 'chat-templates'), 'cases.json', () => chatTemplateOutcomes(join(root, 'chat-templates')))
  const sampling = sectionIf(join(root, 'sampling'), 'cases.json', async () => [await samplingOutcome(join(root, 'sampling'))])
  const tokenizers = foldersWith(join(root, 'tokenizers'), 'tokenizer.json').map((name): Run => () => [
    tokenizerFolderOutcome(name, join(root, 'tokenizers', name)),
  ])
  const ggufs = foldersWith(join(root, 'gguf'), 'model.gguf').map((name): Run => async () => {
    const outcome = await ggufTokenizerOutcome(`${name}/tokenizer`, join(root, 'gguf', name), root)
    return outcome ? [outcome] : []
  })
  const sections: Readonly<Record<string, readonly Run[]>> = { quant, gguf: ggufs, tokenizers, 'chat-templates': templates, sampling }
  return Object.entries(sections).flatMap(([section, runs]) => runs.map((run) => [section, run] as const))
}

/** A section that cannot be read is a failed case, not the end of the run. */
async function attempt(section: string, run: Run): Promise<readonly Outcome[]> {
  try {
    return await run()
  } catch (error) {
    return [{ name: section, checks: 1, failures: [error instanceof Error ? error.message : String(error)] }]
  }
}

/** @param root a folder with the layout of the golden data */
export async function groupResults(root: string): Promise<GroupResult[]> {
  const results: GroupResult[] = []
  for (const [section, run] of runsIn(root)) {
    const start = performance.now()
    const outcomes = await attempt(section, run)
    const milliseconds = (performance.now() - start) / Math.max(1, outcomes.length)
    for (const outcome of outcomes) results.push({ id: outcome.name === section ? section : `${section}/${outcome.name}`, outcome, milliseconds })
  }
  return results
}

const MOST_SHOWN = 10
export const groupStatus = ({ outcome }: GroupResult): 'passed' | 'failed' =>
  outcome.checks > 0 && outcome.failures.length === 0 ? 'passed' : 'failed'

export function describeGroup(result: GroupResult): string {
  const { id, outcome, milliseconds } = result
  const { checks, failures } = outcome
  const shown = failures.slice(0, MOST_SHOWN).map((failure) => `\n         ${failure}`)
  const rest = failures.length > MOST_SHOWN ? `\n         and ${failures.length - MOST_SHOWN} more` : ''
  const start = `${groupStatus(result).padEnd(7)}  ${id.padEnd(26)} ${String(Math.round(milliseconds)).padStart(7)} ms`
  return `${start}  ${checks - failures.length}/${checks} checks${shown.join('')}${rest}`
}
