/** Compiles what the first stream would wait for, and sees that two ways to the same rows agree before anything is served. */
import { asFloat32 } from '../../core/quant/stored.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { Engine } from '../engine.ts'

export type WarmUpOptions = {
  readonly hiddenSize: number
  readonly isLast: boolean
  readonly contextLength: number
  /**
   * Relative difference (root mean squares) allowed between a prompt run at once and in pieces; null accepts any. GPU drivers
   * and kernels can be wrong without an error.
   */
  readonly tolerance: number | null
}

/** Long enough for the kernels that long prompts take: ONNX Runtime changes its attention at 32 tokens. */
const CHECK_TOKENS = 48
/** Where the pieces end: below 32 tokens each, the last a single token as in decoding. */
const PIECES = [24, 47, 48]

/** Uneven rows of the size that embeddings have, the same on every device. */
function probeRows(count: number, hiddenSize: number): Float32Array {
  let state = 1
  return Float32Array.from({ length: count * hiddenSize }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

/** Root mean square of the difference over that of `expected`: 1 and more where nothing agrees. NaN stays NaN. */
function relativeError(actual: Float32Array, expected: Float32Array): number {
  let [differences, squares] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    differences += ((actual[i] ?? NaN) - (expected[i] ?? NaN)) ** 2
    squares += (expected[i] ?? 0) ** 2
  }
  return Math.sqrt(differences / squares)
}

/** @throws {ClusterError} unsupported_backend when the backend contradicts itself on this device; what the engine throws */
export async function warmUp<Cache>(engine: Engine<Cache>, { hiddenSize, isLast, contextLength, tolerance }: WarmUpOptions): Promise<void> {
  const count = Math.min(CHECK_TOKENS, contextLength)
  const rows = probeRows(count, hiddenSize)
  const cache = engine.openCache(count)
  const run = async (start: number, end: number): Promise<Float32Array> => {
    const hidden = { numberType: 'f32', values: rows.subarray(start * hiddenSize, end * hiddenSize) } as const
    await engine.runLayers([{ cache, hidden, span: { position: start, count: end - start, reach: count } }])
    return asFloat32(await engine.readHidden(0, 'f32'))
  }
  try {
    const whole = await run(0, count)
    let start = 0
    for (const piece of PIECES) {
      const end = Math.min(piece, count)
      if (end === start) break
      const error = relativeError(await run(start, end), whole.subarray(start * hiddenSize, end * hiddenSize))
      if (tolerance !== null && !(error <= tolerance)) {
        throw new ClusterError(
          'unsupported_backend',
          `this device computes layers wrongly: ${count} tokens at once and in pieces differ by ${error.toPrecision(2)}; use the wasm backend`,
        )
      }
      start = end
    }
    if (!isLast) await engine.readHidden(0, 'f16')
    else await engine.runHeads([{ segment: 0, row: 0, readsLogits: true }])
  } finally {
    engine.closeCache(cache)
  }
}
