/** What a shard does for spot checks: shows what it has received, and gives out what it had sent. */
import type { PeerId } from '../../protocol/ids.ts'
import type { ActivationFrame, CheckFrame, Job, TokenFrame } from '../../protocol/ring.ts'
import { MOST_CHUNK_TOKENS } from './prefill-chunks.ts'
import { shardFrom } from './spot-check.ts'
import { idBytes } from './spot-witness.ts'
import type { StageCore } from './stage-core.ts'

export type StageChecks = {
  /** Activations of the shard before, as they come. */
  readonly received: (frame: ActivationFrame) => void
  /** A token of the tail, before the head goes on with it. */
  readonly sampled: (frame: TokenFrame) => void
  readonly onCheck: (from: PeerId, frame: CheckFrame) => void
}

/** Whether the token of that index is the most probable one, and nothing else. */
const isPlainlyGreedy = ({ sampling, grammar, givenIds }: Job, index: number): boolean =>
  sampling.temperature === 0 &&
  sampling.repetitionPenalty === 1 &&
  sampling.presencePenalty === 0 &&
  sampling.frequencyPenalty === 0 &&
  sampling.logitBias.length === 0 &&
  grammar === null &&
  index >= givenIds.length

export function createStageChecks(core: StageCore): StageChecks {
  const { place, placement, runner, sequences, base, post, checks, self } = core
  /** Where all of a sequence rotates anew at some length, what was right before is not what a new run gives. */
  const isFit = placement.shards.length > 1 && runner.restartAt === null
  return {
    received: ({ sequence, position, count, width, numberType, payload, guess }) => {
      // Guesses may be given up, and what was sent with them.
      if (isFit && guess.drafts.length === 0) checks.received(placement, sequence, { position, count, width, numberType, payload })
    },
    sampled: ({ sequence: id, index, tokenId }) => {
      const { job, answerIds = [] } = sequences.get(id) ?? {}
      if (!isFit || !job || index !== answerIds.length || !isPlainlyGreedy(job, index)) return
      const payload = idBytes([tokenId])
      checks.received(placement, id, { position: job.promptIds.length + index, count: 1, width: 1, numberType: 'ids', payload })
    },
    onCheck: (from, { sequence: id, ticket, until, witness }) => {
      const sequence = sequences.get(id)
      const checked = shardFrom(placement, self, 1)
      const isAsker = shardFrom(placement, self, 2)?.peerId === from
      // Nobody is shown more than who would take over.
      const isSpare = placement.spares.some(({ peerId, startLayer, endLayer }) => {
        return peerId === witness && startLayer === checked?.startLayer && endLayer === checked.endLayer
      })
      if (!sequence || !isAsker || !isSpare) return
      const evidence = { ...base(id), type: 'evidence', side: 'input', ticket } as const
      if (place.shard.last) {
        const ids = [...(sequence.job?.promptIds ?? []), ...sequence.answerIds].slice(0, until)
        if (ids.length > 0) post(witness, { ...evidence, position: 0, count: ids.length, width: 1, numberType: 'ids', payload: idBytes(ids) })
        return
      }
      const width = runner.hiddenSize
      for (const { position, count: all, payload } of sequence.log.from(0, MOST_CHUNK_TOKENS) ?? []) {
        const count = Math.min(all, until - position)
        if (count <= 0) return
        const rows = payload.subarray(0, (count * payload.length) / all)
        post(witness, { ...evidence, position, count, width, numberType: placement.handoff, payload: rows })
      }
    },
  }
}
