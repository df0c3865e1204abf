/** Layers and head on our kernels: a pass writes its rows into the memory, runs a program, and reads the rows that left it. */
import { cacheBytes, strideOf } from '../../core/simd/program.ts'
import { f16ToF32Array, f32ToF16Array } from '../../core/quant/float16.ts'
import { bytesOf } from '../../core/quant/stored.ts'
import type { HeadOutput } from '../../core/text/head-output.ts'
import { ClusterError } from '../../protocol/errors.ts'
import type { Engine, HeadRow, HiddenRows, Segment } from '../engine.ts'
import { rowsOf, writeFrame, writeRotations, type PassRow, type SimdCache } from './pass-rows.ts'
import type { PlacedHead, PlacedProgram } from './place-shard.ts'
import type { SimdMemory } from './simd-memory.ts'
import type { RunProgram } from './thread-loop.ts'

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
  /** First row of each segment of the last pass, and behind them the end. */
  let starts: readonly number[] = [0]

  /** The rows of all segments behind each other; the last pass of them is the next one's past, as in a prompt's chunks. */
  async function runLayers(segments: readonly Segment<SimdCache>[]): Promise<void> {
    const passRows = rowsOf(segments)
    if (rows.length < passRows.length * hiddenSize) rows = new Float32Array(passRows.length * hiddenSize)
    starts = segments.reduce<number[]>((ends, { span }) => [...ends, (ends.at(-1) ?? 0) + span.count], [0])
    segments.forEach(({ hidden, span }, i) => rows.set(valuesOf(hidden).subarray(0, span.count * hiddenSize), (starts[i] ?? 0) * hiddenSize))
    for (let first = 0; first < passRows.length; first += body.maxRows) runBody(first, passRows.slice(first, first + body.maxRows))
  }

  /** In place: rows from `first` on go in, and what left the last layer takes their place. */
  function runBody(first: number, passRows: readonly PassRow[]): void {
    copyRows(rows, first * hiddenSize, hiddenSize, memory.floats(), body.input / 4, stride, passRows.length, hiddenSize)
    writeFrame(memory.words(), frame, passRows)
    writeRotations(body, memory.floats(), passRows)
    run(body.code)
    copyRows(memory.floats(), body.output / 4, stride, rows, first * hiddenSize, hiddenSize, passRows.length, hiddenSize)
  }

  function rangeOf(segment: number): { readonly start: number; readonly end: number } {
    const [start, end] = [starts[segment], starts[segment + 1]]
    if (start === undefined || end === undefined) throw new Error(`no rows of segment ${segment}: runLayers comes first`)
    return { start, end }
  }

  /** So many rows of the last pass, at most `maxRows` of the head, through norm and head. */
  function runHeadOver(indices: readonly number[]): PlacedHead {
    if (!head) throw new ClusterError('invalid_value', 'this shard has no head')
    for (const [i, row] of indices.entries())
      copyRows(rows, row * hiddenSize, hiddenSize, memory.floats(), head.input / 4 + i * stride, stride, 1, hiddenSize)
    writeFrame(memory.words(), frame, Array<null>(indices.length).fill(null))
    run(head.code)
    return head
  }

  /** Of the last of `count` rows whose logits are there. */
  function readShortlist({ shortlist, shortlistSize }: PlacedHead): NonNullable<HeadOutput['shortlist']> {
    const found = memory.words()[shortlist / 4] ?? 0
    const ids = Int32Array.from(memory.words().subarray(shortlist / 4 + 1, shortlist / 4 + 1 + found))
    const start = shortlist / 4 + 1 + shortlistSize
    const logits = memory.floats().slice(start, start + found)
    const [largest = NaN, sum = NaN] = memory.floats().subarray(start + shortlistSize)
    return { ids, logits, logSumExp: largest + Math.log(sum) }
  }

  /** @param isKept whether the logits stay where they are until the next pass */
  function headOutputs(indices: readonly number[], isKept: boolean): HeadOutput[] {
    const placed = runHeadOver(indices)
    const outputs: HeadOutput[] = []
    for (let i = indices.length - 1; i >= 0; i--) {
      // The program itself has ranked the last row; any other one is the last of a pass that ends with it.
      if (i < indices.length - 1) {
        writeFrame(memory.words(), frame, Array<null>(i + 1).fill(null))
        run(placed.shortlistCode)
      }
      const start = (placed.output + i * strideOf(vocabSize)) / 4
      const read = (): Float32Array => memory.floats().slice(start, start + vocabSize)
      const logits = isKept ? null : read()
      outputs.unshift({ vocabSize, shortlist: readShortlist(placed), readLogits: () => Promise.resolve(logits ?? read()) })
    }
    return outputs
  }

  async function runHeads(wanted: readonly HeadRow[]): Promise<readonly HeadOutput[]> {
    const indices = wanted.map(({ segment, row }) => rangeOf(segment).start + row)
    const most = head?.maxRows ?? indices.length
    const outputs: HeadOutput[] = []
    for (let first = 0; first < indices.length; first += most)
      outputs.push(...headOutputs(indices.slice(first, first + most), first + most >= indices.length))
    return outputs
  }

  async function runAllLogits(segment: number): Promise<Float32Array> {
    const { start, end } = rangeOf(segment)
    const logits = new Float32Array((end - start) * vocabSize)
    const most = head?.maxRows ?? end - start
    for (let first = start; first < end; first += most) {
      const indices = Array.from({ length: Math.min(most, end - first) }, (_, i) => first + i)
      const { output } = runHeadOver(indices)
      copyRows(memory.floats(), output / 4, strideOf(vocabSize) / 4, logits, (first - start) * vocabSize, vocabSize, indices.length, vocabSize)
    }
    return logits
  }

  return {
    canRewind: body.program.cache.fixedBytes === 0,
    maxSegments: Infinity,
    openCache: (maxTokens) => ({ address: memory.allocate(cacheBytes(body.program, maxTokens)), maxTokens }),
    closeCache: ({ address }) => memory.free(address),
    cacheBytes: ({ maxTokens }) => cacheBytes(body.program, maxTokens),
    newCacheBytes: (maxTokens) => cacheBytes(body.program, maxTokens),
    runLayers,
    readHidden: (segment, numberType) => {
      const { start, end } = rangeOf(segment)
      const values = rows.slice(start * hiddenSize, end * hiddenSize)
      return Promise.resolve(bytesOf(numberType === 'f16' ? f32ToF16Array(values) : values))
    },
    runHeads,
    runAllLogits,
    dispose: () => {
      options.release()
      return Promise.resolve()
    },
  }
}
