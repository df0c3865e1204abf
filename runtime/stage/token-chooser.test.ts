import { expect, test } from 'vitest'
import type { HeadOutput } from '../../core/text/head-output.ts'
import { modelId, peerId, sequenceId } from '../../protocol/ids.ts'
import { GREEDY, type Job } from '../../protocol/ring.ts'
import { createSequence } from './sequence.ts'
import { createTokenChooser, expectsLogits } from './token-chooser.ts'

const LOGITS = Float32Array.of(0, 3, 1, 2)
const JOB: Job = {
  client: peerId('client'),
  model: modelId('model'),
  promptIds: [1],
  acceptedIds: [],
  resumes: false,
  sampling: GREEDY,
  grammar: null,
  pooling: null,
  givenIds: [],
  topLogprobs: null,
  stopIds: [],
  maxTokens: 8,
  cacheScope: null,
  drafts: false,
}
const SURE = { ...GREEDY, temperature: 1, topK: 1 }
/** More than the list has. */
const MANY = { ...GREEDY, temperature: 1, topK: 3 }

/** An answer under a job: what it expects of the next token, and the choice of it. */
function answer(job: Job) {
  const log = { push: () => undefined, truncate: () => undefined, from: () => null, end: () => 0, close: () => undefined }
  const sequence = createSequence(sequenceId('00000000000000aa'), sequenceId('00000000000000aa'), log, 0)
  sequence.job = job
  const chooser = createTokenChooser(null, { source: 'model', contextLength: 16 })
  return {
    expects: () => expectsLogits(sequence),
    choose: async (): Promise<number> => {
      let reads = 0
      const shortlist = {
        ids: Int32Array.of(1, 3, 2),
        logits: Float32Array.of(3, 2, 1),
        logSumExp: Math.log(1 + Math.exp(3) + Math.exp(1) + Math.exp(2)),
      }
      const head: HeadOutput = { vocabSize: 4, shortlist, readLogits: () => (reads++, Promise.resolve(LOGITS)) }
      const { tokenId } = await chooser.choose(sequence, job, head)
      sequence.answerIds.push(tokenId)
      return reads
    },
  }
}

test('all logits are expected from the first token on where the job says that they will be read', () => {
  const grammar = { ebnf: 'root ::= "a"', markers: [], trigger: null, optional: false }
  const expecting = (change: Partial<Job>): boolean => answer({ ...JOB, ...change }).expects()
  expect(expecting({})).toBe(false)
  expect(expecting({ sampling: SURE })).toBe(false)
  expect(expecting({ sampling: { ...GREEDY, logitBias: [[1, 2]] } })).toBe(true)
  expect(expecting({ sampling: { ...GREEDY, frequencyPenalty: 0.5 } })).toBe(true)
  expect(expecting({ topLogprobs: 0 })).toBe(true)
  expect(expecting({ grammar })).toBe(true)
  expect(expecting({ grammar: { ...grammar, trigger: '<call>' } })).toBe(true)
  expect(expecting({ grammar: { ...grammar, trigger: '<call>', optional: true } })).toBe(false)
})

test('a token is expected to be chosen as the one before was, and one that is given by nothing', async () => {
  const many = answer({ ...JOB, sampling: MANY })
  expect(many.expects()).toBe(false)
  expect(await many.choose()).toBe(1)
  expect(many.expects()).toBe(true)
  const sure = answer({ ...JOB, sampling: SURE })
  expect(await sure.choose()).toBe(0)
  expect(sure.expects()).toBe(false)
  const given = answer({ ...JOB, sampling: { ...GREEDY, presencePenalty: 1 }, givenIds: [2] })
  expect(given.expects()).toBe(false)
  expect(await given.choose()).toBe(0)
  expect(given.expects()).toBe(true)
})
