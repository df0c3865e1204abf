/** Results before times: what an engine answers is compared with a reference first, and one that is wrong is not timed. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { nameOf, type Contender, type Prompt } from './contender.ts'

const stepSchema = z.object({ token: z.number(), margin: z.number(), top: z.array(z.object({ id: z.number(), logprob: z.number() })) })
const referenceSchema = z.object({ text: z.string(), ids: z.array(z.number()), steps: z.array(stepSchema).min(1) })

export type Reference = {
  readonly prompt: Prompt
  /** The most probable token of each step, and how far its logit is above the next one. */
  readonly steps: readonly { readonly token: number; readonly margin: number }[]
  /** Of the most probable tokens of the first step. */
  readonly logProbs: ReadonlyMap<number, number>
}

/** PyTorch's results in float32, as `make_peer_models.py --reference` writes them. @throws {Error} when the file is missing or another */
export async function readReference(folder: string): Promise<Reference> {
  const { text, ids, steps } = referenceSchema.parse(JSON.parse(await readFile(path.join(folder, 'reference.json'), 'utf8')))
  return { prompt: { text, ids }, steps, logProbs: new Map(steps[0]?.top.map(({ id, logprob }) => [id, logprob])) }
}

/** As many as PyTorch's results have. */
const COMPARED = 5

/** Without PyTorch: another backend, all in f32. */
export async function referenceFrom(contender: Contender, prompt: Prompt, tokens: number): Promise<Reference> {
  const { ids } = await contender.ask([prompt], tokens)
  const steps = (ids[0] ?? []).map((token) => ({ token, margin: Number.POSITIVE_INFINITY }))
  const ranked = [...(await contender.logProbs(prompt, []))].sort(([, a], [, b]) => b - a)
  return { prompt, steps, logProbs: new Map(ranked.slice(0, COMPARED)) }
}

export type Checked = {
  /** Tokens from the first on that are the reference's. */
  readonly followed: number
  readonly steps: number
  /** Largest difference of a log-probability behind the prompt, among the reference's most probable tokens. */
  readonly logProbError: number
}

/** Formats that hold what the checkpoint holds, whose every token must be the reference's. */
const EXACT = new Set(['f32', 'fp32'])
/** A margin below this is rounding. */
const CLEAR_MARGIN = 1e-3
/** How far a log-probability may be off. Rounded weights of a random model cost much; these bounds tell a rounding from a mistake, by which it would be several. */
const LOG_PROB_BOUNDS: Readonly<Record<string, number>> = {
  f32: 1e-3,
  fp32: 1e-3,
  f16: 0.02,
  F16: 0.02,
  int8: 0.25,
  Q8_0: 0.25,
  q8: 1.5,
  int4: 1.5,
  Q4_0: 1.5,
  q4: 1.5,
}

/** @throws {Error} when the engine's results are not the reference's, within what its format allows */
export async function checkAnswers(contender: Contender, { prompt, steps, logProbs: expected }: Reference): Promise<Checked> {
  const name = nameOf(contender)
  const [ids = []] = (await contender.ask([prompt], steps.length)).ids
  const differs = steps.findIndex(({ token }, i) => token !== ids[i])
  const followed = differs === -1 ? steps.length : differs
  if (EXACT.has(contender.format) && differs !== -1 && (steps[differs]?.margin ?? 0) > CLEAR_MARGIN)
    throw new Error(`${name} leaves the reference at token ${followed} by a clear margin: not timed`)
  const found = await contender.logProbs(prompt, [...expected.keys()])
  const errors = [...expected].flatMap(([id, logProb]) => {
    const own = found.get(id)
    return own === undefined ? [] : [Math.abs(own - logProb)]
  })
  if (errors.length === 0) throw new Error(`${name} has none of the reference's most probable tokens among its own: not timed`)
  const logProbError = Math.max(...errors)
  const bound = LOG_PROB_BOUNDS[contender.format] ?? 0
  if (!(logProbError <= bound)) throw new Error(`${name} is off by ${logProbError} in log-probability, more than ${bound}: not timed`)
  return { followed, steps: steps.length, logProbError }
}
