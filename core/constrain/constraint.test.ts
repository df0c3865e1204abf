import { Ajv2020 } from 'ajv/dist/2020.js'
import { beforeAll, expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadXgrammar } from '../../api-gateway/local-device-xgrammar.ts'
import { randomSchema } from '../../tests/constrain/random-schemas.ts'
import { MODELS } from '../../tests/harness/gateway.ts'
import { seededRandom } from '../../tests/harness/seeded.ts'
import { GREEDY } from '../../protocol/ring.ts'
import { sampleToken } from '../text/sampler.ts'
import type { TokenBytes } from '../text/token-bytes.ts'
import { loadTokenBytes } from '../text/vocabulary.ts'
import type { Constraint } from './constraint.ts'
import { createConstraintSource, type ConstraintSource } from './constraint-source.ts'
import { createSchemaGrammar } from './json-schema.ts'

const VOCAB = 4096
const STOP = [2, 0]
let source: ConstraintSource
let tokens: TokenBytes
beforeAll(async () => {
  tokens = await loadTokenBytes(folderSource(`${MODELS}ember`))
  source = createConstraintSource(loadXgrammar, async () => tokens)
})

const wholly = (ebnf: string) => ({ ebnf, trigger: null, optional: false, markers: [] })
function grammarOf(schema: unknown): string {
  const grammar = createSchemaGrammar()
  const root = grammar.add(schema, 'schema')
  return grammar.ebnf(root)
}
const open = (grammar: Parameters<ConstraintSource['open']>[0]['grammar']): Promise<Constraint> =>
  source.open({ source: 'ember', grammar, stopIds: STOP, vocabSize: VOCAB })
const textOf = (ids: readonly number[]): string => {
  const bytes = ids.flatMap((id) => [...tokens.bytesOf(id)])
  return new TextDecoder('utf-8').decode(Uint8Array.from(bytes))
}

type Run = { readonly ids: readonly number[]; readonly finish: 'stop' | 'length' }
/** Samples as a tail does, from logits that are random and the same for one seed. */
async function generate(constraint: Constraint, seed: number, limit: number, ids: number[] = []): Promise<Run> {
  while (ids.length < limit) {
    await constraint.follow(ids)
    const random = seededRandom(seed * 7919 + ids.length)
    const logits = Float32Array.from({ length: VOCAB }, () => 8 * random())
    const head = { vocabSize: VOCAB, shortlist: null, readLogits: async () => logits }
    const sampling = { ...GREEDY, temperature: 1, seed: String(seed) }
    const context = { promptIds: [], generatedIds: ids, index: ids.length }
    const { id, state } = await constraint.choose(limit - ids.length, (mask) =>
      sampleToken(head, sampling, { ...context, ...(mask ? { mask } : {}) }),
    )
    if (STOP.includes(id)) return { ids, finish: 'stop' }
    ids.push(id)
    if (state === 'end') return { ids, finish: 'stop' }
  }
  return { ids, finish: 'length' }
}

const ajv = new Ajv2020({ strict: false, validateFormats: false })
const COUNT = Number(process.env['SCHEMAS'] ?? 20)

test.each(Array.from({ length: COUNT }, (_, seed) => seed))(
  'an answer under schema %d validates, also where a limit cuts it, and is the same from its middle on',
  async (seed) => {
    const schema = randomSchema(seed)
    const ebnf = grammarOf(schema)
    const isValid = ajv.compile(schema)
    for (const limit of [150, 40]) {
      const constraint = await open(wholly(ebnf))
      const { ids, finish } = await generate(constraint, seed, limit)
      constraint.close()
      const resumed = await open(wholly(ebnf))
      expect(await generate(resumed, seed, limit, ids.slice(0, Math.floor(ids.length / 2)))).toEqual({ ids, finish })
      resumed.close()
      const text = textOf(ids)
      if (finish === 'length' && limit === 40 && !isWhole(text)) continue
      expect(isValid(JSON.parse(text)), `${text} ${JSON.stringify(isValid.errors)} ${JSON.stringify(schema)}`).toBe(true)
    }
  },
)
function isWhole(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
