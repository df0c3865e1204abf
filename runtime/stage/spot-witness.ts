/** Computes once more what another device made of a sequence, and says how far that lies from its own result. */
import { deviation, tokenDeviation } from '../../core/cluster/spot-check.ts'
import type { Placement, Shard } from '../../protocol/cluster.ts'
import type { PeerId, SequenceId } from '../../protocol/ids.ts'
import type { EvidenceFrame, RingFrame } from '../../protocol/ring.ts'
import { MOST_CHUNK_TOKENS } from './prefill-chunks.ts'
import type { Scheduler } from './scheduler.ts'
import type { ShardInput, ShardRunner, ShardWant } from '../shard-runner.ts'
import { shardFrom } from './spot-check.ts'

/** Cases of which not all has come, the newest; and what they hold in all. */
const MOST_CASES = 8
const MOST_BYTES = 64 * 2 ** 20

type Case = { readonly inputs: { readonly from: PeerId; readonly frame: EvidenceFrame }[]; output: { from: PeerId; frame: EvidenceFrame } | null }

export type SpotWitnessOptions = {
  /** A placement in which this device is a spare. */
  readonly placementOf: (epoch: number) => Placement | null
  /** What it holds ready of the range. */
  readonly runnerOf: (placement: Placement, shard: Shard) => ShardRunner | null
  readonly scheduler: Scheduler
  readonly newCache: () => SequenceId
  readonly post: (to: PeerId, frame: RingFrame) => void
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

export type SpotWitness = { readonly onEvidence: (from: PeerId, frame: EvidenceFrame) => void }

type Piece = { readonly position: number; readonly count: number; readonly input: ShardInput }

/** The inputs from position 0 on, in pieces that a pass takes; null while some are missing. */
function piecesOf(inputs: readonly EvidenceFrame[], until: number): readonly Piece[] | null {
  const pieces: Piece[] = []
  let end = 0
  for (const { position, count, width, numberType, payload } of inputs.toSorted((a, b) => a.position - b.position)) {
    if (position !== end) return null
    const rowBytes = payload.length / count
    for (let row = 0; row < count; row += MOST_CHUNK_TOKENS) {
      const rows = Math.min(MOST_CHUNK_TOKENS, count - row)
      const bytes = payload.slice(row * rowBytes, (row + rows) * rowBytes)
      const input: ShardInput = numberType === 'ids' ? { type: 'tokens', ids: idsOf(bytes) } : { type: 'hidden', numberType, bytes }
      if (numberType !== 'ids' && width * rows === 0) return null
      pieces.push({ position: position + row, count: rows, input })
    }
    end = position + count
  }
  return end === until ? pieces : null
}

/** Token ids as evidence has them, and back. */
export const idBytes = (ids: readonly number[]): Uint8Array => {
  const view = new DataView(new ArrayBuffer(ids.length * 4))
  for (const [i, id] of ids.entries()) view.setUint32(i * 4, id, true)
  return new Uint8Array(view.buffer)
}
function idsOf(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4, true))
}

const untilOf = ({ numberType, position, count }: EvidenceFrame): number => (numberType === 'ids' ? position : position + count)

export function createSpotWitness(options: SpotWitnessOptions): SpotWitness {
  const { placementOf, runnerOf, scheduler, newCache, post, log } = options
  const cases = new Map<string, Case>()

  function makeRoom(): void {
    const bytesOf = ({ inputs, output }: Case): number =>
      inputs.reduce((sum, { frame }) => sum + frame.payload.length, 0) + (output?.frame.payload.length ?? 0)
    let total = [...cases.values()].reduce((sum, one) => sum + bytesOf(one), 0)
    for (const [key, oldest] of cases) {
      if (cases.size <= MOST_CASES && total <= MOST_BYTES) return
      total -= bytesOf(oldest)
      cases.delete(key)
    }
  }

  /** The last rows of the layers over all pieces, or the logits behind them, against what was said. */
  async function compute(runner: ShardRunner, placement: Placement, pieces: readonly Piece[], said: EvidenceFrame): Promise<number> {
    const cache = newCache()
    const until = untilOf(said)
    const rows: Uint8Array[] = []
    try {
      runner.open(cache, placement.contextLength)
      for (const { position, count, input } of pieces) {
        const isLast = position + count === until
        const atEnd: ShardWant = isLast ? { type: 'head', readsLogits: true } : { type: 'none' }
        const want: ShardWant = said.numberType === 'ids' ? atEnd : { type: 'hidden', numberType: placement.handoff }
        const output = await runner.run({ sequence: cache, position, count, reach: until, input, want })
        if (output.type === 'head') return tokenDeviation(idsOf(said.payload)[0] ?? -1, await output.head.readLogits())
        if (output.type !== 'hidden' || position + count <= said.position) continue
        rows.push(output.bytes.subarray((Math.max(0, said.position - position) * output.bytes.length) / count))
      }
    } finally {
      runner.release(cache)
    }
    const expected = new Uint8Array(rows.reduce((sum, { length }) => sum + length, 0))
    rows.reduce((offset, part) => (expected.set(part, offset), offset + part.length), 0)
    return deviation(said.payload, expected, placement.handoff)
  }

  function decide(key: string, { inputs, output }: Case): void {
    if (!output) return
    const { from: asker, frame: said } = output
    const placement = placementOf(said.epoch)
    const checked = placement && shardFrom(placement, asker, -1)
    const runner = checked && runnerOf(placement, checked)
    const before = placement && shardFrom(placement, asker, -2)
    const pieces = piecesOf(
      inputs.flatMap(({ from, frame }) => (from === before?.peerId ? [frame] : [])),
      untilOf(said),
    )
    if (!runner || !pieces || (said.numberType === 'ids') !== checked.last) return
    cases.delete(key)
    scheduler.enqueue(newCache(), async () => {
      try {
        const error = await compute(runner, placement, pieces, said)
        post(asker, { type: 'verdict', sequence: said.sequence, epoch: said.epoch, ticket: said.ticket, error })
      } catch (cause) {
        // Without room, or with layers that are gone meanwhile, nothing is said.
        log('a spot check could not be computed', { cause: String(cause) })
      }
    })
  }

  return {
    onEvidence: (from, frame) => {
      const key = `${frame.epoch} ${frame.sequence} ${frame.ticket}`
      const known = cases.get(key) ?? { inputs: [], output: null }
      cases.set(key, known)
      if (frame.side === 'input') known.inputs.push({ from, frame })
      else known.output ??= { from, frame }
      makeRoom()
      if (cases.get(key) === known) decide(key, known)
    },
  }
}
