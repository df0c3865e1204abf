import { expect, test } from 'vitest'
import { sequenceId } from '../../protocol/ids.ts'
import type { Engine } from '../engine.ts'
import { quantizationOf } from '../../core/graph/fidelity.ts'
import { createRunner } from './runner.ts'

const SEQUENCE = sequenceId('00000000000000bb')

/** Runs that reached it, as [position, count]. */
function recordingEngine(canRewind: boolean): { engine: Engine<null>; runs: (readonly [number, number])[] } {
  const runs: (readonly [number, number])[] = []
  const unused = (): never => {
    throw new Error('nothing asks for logits here')
  }
  const engine: Engine<null> = {
    canRewind,
    openCache: () => null,
    closeCache: () => undefined,
    maxSegments: 1,
    cacheBytes: () => 8,
    newCacheBytes: () => 8,
    runLayers: ([segment]) => Promise.resolve(void (segment && runs.push([segment.span.position, segment.span.count]))),
    readHidden: () => Promise.resolve(new Uint8Array(0)),
    runHeads: unused,
    runAllLogits: unused,
    dispose: () => Promise.resolve(),
  }
  return { engine, runs }
}

for (const canRewind of [true, false]) {
  test(`a model that keeps ${canRewind ? 'every token goes on from any of them' : 'only states goes on from its end or anew, and says so'}`, async () => {
    const { engine, runs } = recordingEngine(canRewind)
    const options = {
      startLayer: 1,
      endLayer: 2,
      hiddenSize: 1,
      restartAt: null,
      keepsTokens: true,
      heldBytes: 0,
      quantization: quantizationOf([]),
      contextLength: 16,
      embedding: null,
      isLast: false,
      readNorm: () => Promise.reject(new Error('no norm here')),
    }
    const runner = createRunner({ engine, ...options })
    runner.open(SEQUENCE, 16)
    const run = (position: number, count: number) =>
      runner.run({
        sequence: SEQUENCE,
        position,
        count,
        reach: position + count,
        input: { type: 'hidden', numberType: 'f32', bytes: new Uint8Array(count * 4) },
        want: { type: 'none' },
      })
    await run(0, 4)
    await run(4, 1)
    if (canRewind) await run(2, 2)
    else await expect(run(2, 2)).rejects.toMatchObject({ code: 'ring_broken', message: expect.stringMatching(/go back to position 2 of 5/) })
    await run(0, 3)
    expect(runs).toEqual([[0, 4], [4, 1], ...(canRewind ? [[2, 2]] : []), [0, 3]])
  })
}
