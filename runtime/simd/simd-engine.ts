/** Layers and head on our kernels: a pass writes its rows into the memory, runs a program, and reads the rows that left it. */
import { cacheBytes, frequenciesFor, strideOf } from '../../core/simd/program.ts'
import type { TokenSpan } from '../../core/graph/span-inputs.ts'
import { f16ToF32Array, f32ToF16Array } from '../../core/quant/float16.ts'
import { bytesOf } from '../../core/quant/stored.ts'
import type { HeadOutput } from '../../core/text/head-output.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { FRAME_ROW_TABLE, FRAME_ROWS, ROW_BYTES } from '../../kernels/opcodes.ts'
import type { Engine, HiddenRows } from '../engine.ts'
import type { PlacedHead, PlacedProgram } from './place-shard.ts'
import type { SimdMemory } from './simd-memory.ts'
import type { RunProgram } from './thread-loop.ts'

export type SimdCache = { readonly address: number; readonly maxTokens: number }

export type SimdEngineOptions = {
  readonly memory: SimdMemory
  readonly run: RunProgram
  readonly hiddenSize: number
  readonly vocabSize: number
  readonly frame: number
  readonly body: PlacedProgram
  readonly head: PlacedHead | null
  readonly release: () => void
}

/** cos and sin for the positions of a pass. */
function writeRotations({ program, addressOf }: PlacedProgram, floats: Float32Array, { position, count, reach }: TokenSpan): void {
  for (const { rope, cos, sin } of program.rotations) {
    const inverseFrequencies = frequenciesFor(rope, reach)
    const { magnitude } = rope
    const pairs = inverseFrequencies.length
    const [cosAt, sinAt] = [addressOf(cos) / 4, addressOf(sin) / 4]
    for (let row = 0; row < count; row++) {
      for (let i = 0; i < pairs; i++) {
        // The reference multiplies in f32: the angle of a far position is rounded before cos and sin are taken.
        const angle = Math.fround((position + row) * (inverseFrequencies[i] ?? 0))
        floats[cosAt + row * pairs + i] = Math.cos(angle) * magnitude
        floats[sinAt + row * pairs + i] = Math.sin(angle) * magnitude
      }
    }
  }
}

const valuesOf = (hidden: HiddenRows): Float32Array => (hidden.numberType === 'f32' ? hidden.values : f16ToF32Array(hidden.halves))

/** [rows, width] between a packed array and memory whose rows begin at multiples of 16 bytes. */
function copyRows(
  from: Float32Array,
  fromAt: number,
  fromStride: number,
  to: Float32Array,
  toAt: number,
  toStride: number,
  rows: number,
  width: number,
): void {
  for (let row = 0; row < rows; row++) {
    const start = fromAt + row * fromStride
    to.set(from.subarray(start, start + width), toAt + row * toStride)
  }
}

export function simdEngine(options: SimdEngineOptions): Engine<SimdCache> {
  const { memory, run, hiddenSize, vocabSize, frame, body, head } = options
  const stride = strideOf(hiddenSize) / 4
  let rows = new Float32Array(body.maxRows * hiddenSize)
  let count = 0

  function writeFrame(cache: SimdCache | null, position: number, rowCount: number): void {
    const words = memory.words()
    words[frame / 4 + FRAME_ROWS] = rowCount
    for (let row = 0; row < rowCount; row++) {
      const at = (frame + FRAME_ROW_TABLE + row * ROW_BYTES) / 4
      words[at] = cache?.address ?? 0
      words[at + 1] = cache?.maxTokens ?? 0
      words[at + 2] = position + row
    }
  }

  async function runLayers(cache: SimdCache, hidden: HiddenRows, { position, count: tokens, reach }: TokenSpan): Promise<void> {
    const values = valuesOf(hidden)
    if (rows.length < tokens * hiddenSize) rows = new Float32Array(tokens * hiddenSize)
    for (let first = 0; first < tokens; first += body.maxRows) {
      const passRows = Math.min(body.maxRows, tokens - first)
      copyRows(values, first * hiddenSize, hiddenSize, memory.floats(), body.input / 4, stride, passRows, hiddenSize)
      writeFrame(cache, position + first, passRows)
      writeRotations(body, memory.floats(), { position: position + first, count: passRows, reach })
      run(body.code)
      copyRows(memory.floats(), body.output / 4, stride, rows, first * hiddenSize, hiddenSize, passRows, hiddenSize)
    }
    count = tokens
  }

  /** Rows [start, start + rowCount) of the last pass through norm and head. */
  async function runHeadOver(start: number, rowCount: number): Promise<PlacedHead> {
    if (!head) throw new ClusterError('invalid_value', 'this shard has no head')
    if (count === 0) throw new Error('no rows: runLayers comes first')
    copyRows(rows, start * hiddenSize, hiddenSize, memory.floats(), head.input / 4, stride, rowCount, hiddenSize)
    writeFrame(null, 0, rowCount)
    run(head.code)
    return head
  }

  function headOutput(placed: PlacedHead): HeadOutput {
    const { shortlist, shortlistSize, output } = placed
    const found = memory.words()[shortlist / 4] ?? 0
    const ids = Int32Array.from(memory.words().subarray(shortlist / 4 + 1, shortlist / 4 + 1 + found))
    const start = shortlist / 4 + 1 + shortlistSize
    const logits = memory.floats().slice(start, start + found)
    const [largest = NaN, sum = NaN] = memory.floats().subarray(start + shortlistSize)
    return {
      vocabSize,
      shortlist: { ids, logits, logSumExp: largest + Math.log(sum) },
      readLogits: () => Promise.resolve(memory.floats().slice(output / 4, output / 4 + vocabSize)),
    }
  }

  return {
    canRewind: body.program.cache.fixedBytes === 0,
    openCache: (maxTokens) => ({ address: memory.allocate(cacheBytes(body.program, maxTokens)), maxTokens }),
    closeCache: ({ address }) => memory.free(address),
    runLayers,
    readHidden: (numberType) => {
      const values = rows.slice(0, count * hiddenSize)
      return Promise.resolve(bytesOf(numberType === 'f16' ? f32ToF16Array(values) : values))
    },
    runHead: async () => headOutput(await runHeadOver(count - 1, 1)),
    runAllLogits: async () => {
      const logits = new Float32Array(count * vocabSize)
      for (let first = 0; first < count; first += head?.maxRows ?? count) {
        const passRows = Math.min(head?.maxRows ?? count, count - first)
        const { output } = await runHeadOver(first, passRows)
        copyRows(memory.floats(), output / 4, strideOf(vocabSize) / 4, logits, first * vocabSize, vocabSize, passRows, vocabSize)
      }
      return logits
    },
    dispose: () => {
      options.release()
      return Promise.resolve()
    },
  }
}
