/**
 * Norm and head on the GPU by our own kernels: the largest logits of some rows and their log-sum-exp leave it in one read, all logits
 * beside them only where they are asked for. They are the same numbers: the same kernel writes them then.
 */
import { headPlanBytes, type HeadPlan } from '../../core/graph/head-plan.ts'
import type { MatrixFidelity } from '../../core/graph/fidelity.ts'
import { asFloat32, bytesOf } from '../../core/quant/stored.ts'
import type { HeadOutput } from '../../core/text/head-output.ts'
import type { FloatType } from '../../protocol/cluster.ts'
import { groupRowsOf, listWords, pieceBytes, type HeadRows } from '../../shaders/head.ts'
import type { BuildPart, BuildSpace } from './external-data.ts'
import { formOf, openHeadTables, type HeadTable, type HeadTables } from './gpu-head-tables.ts'
import type { HeadKernels, RunnerGpu } from './gpu-kernels.ts'
import { createGpuMemory, type GrowingBuffer } from './gpu-memory.ts'

export type Shortlist = NonNullable<HeadOutput['shortlist']>

/** Rows of hidden states [tokens, hiddenSize] in a buffer. */
export type HiddenBuffer = { readonly buffer: GPUBuffer; readonly tokens: number }

export type GpuHeadRow = { readonly shortlist: Shortlist; readonly logits: Float32Array | null }

export type GpuHead = {
  readonly heldBytes: number
  readonly fidelity: readonly MatrixFidelity[]
  /** What is sampled from behind each row, all its logits too where `readsLogits`: one product a row either way. */
  readonly heads: (hidden: HiddenBuffer, rows: readonly number[], readsLogits: boolean) => Promise<readonly GpuHeadRow[]>
  /** [rows, vocabSize] */
  readonly logits: (hidden: HiddenBuffer, rows: readonly number[]) => Promise<Float32Array>
  readonly release: () => void
}

export type GpuHeadOptions = {
  readonly gpu: RunnerGpu
  readonly floatType: FloatType
  readonly plan: HeadPlan
  /** Entries of a list. */
  readonly k?: number
  /** Bytes that a binding may have, where not what the device allows. */
  readonly mostBytes?: number
}

/** Rows of hidden states in one go: bounds what is written of all logits. */
const MOST_ROWS = 16
/** Floats of a normed row come in so many: the most that a unit of weights takes. */
const STRIDE_MULTIPLE = 32
/** Of an empty place of a list. */
const NO_ID = -1

type Division = { readonly groupRows: number; readonly firstGroups: readonly number[]; readonly groups: number }

/** Groups of all tables behind each other. */
function divide(tables: readonly HeadTable[], vocabSize: number): Division {
  const groupRows = groupRowsOf(vocabSize, tables.length)
  const counts = tables.map(({ rows }) => Math.ceil(rows / groupRows))
  const firstGroups = counts.map((_, i) => counts.slice(0, i).reduce((sum, count) => sum + count, 0))
  return { groupRows, firstGroups, groups: counts.reduce((sum, count) => sum + count, 0) }
}

/** What the merge wrote of one row. */
function readList(words: Float32Array, k: number, vocabSize: number): Shortlist {
  const all = new Int32Array(words.buffer, words.byteOffset, k)
  const size = all.indexOf(NO_ID) < 0 ? Math.min(k, vocabSize) : all.indexOf(NO_ID)
  const [largest = NaN, sum = NaN] = words.subarray(2 * k)
  const isBroken = new Int32Array(words.buffer, words.byteOffset)[2 * k + 2] !== 0 || sum === 0
  return { ids: all.slice(0, size), logits: words.slice(k, k + size), logSumExp: isBroken ? NaN : largest + Math.log(sum) }
}

/** Reads and builds the head's weights into buffers of the GPU. @throws {ClusterError} not_enough_memory; what `build` throws */
export async function openGpuHead(options: GpuHeadOptions, build: BuildPart, space: BuildSpace): Promise<GpuHead> {
  const { gpu, plan, floatType, k = gpu.kernels.shortlistSize, mostBytes } = options
  const { device, kernels } = gpu
  const most = mostBytes ?? Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize)
  const hasHalves = floatType === 'f16'
  // Compiles while weights are read.
  const compiling = kernels.compileHead({ form: formOf(plan), epsilon: plan.norm.epsilon, hasMean: plan.norm.kind === 'layer', hasHalves, k })
  compiling.catch(() => undefined)
  const opened = await openHeadTables(plan, build, space, createGpuMemory(device), most)
  const vocabSize = plan.pieces.at(-1)?.end ?? 0
  const stride = STRIDE_MULTIPLE * Math.ceil(plan.columns / STRIDE_MULTIPLE)
  const compiled = await compiling.catch((cause: unknown) => {
    opened.destroy()
    throw cause
  })
  return runHead({ opened, division: divide(opened.tables, vocabSize), compiled, vocabSize, stride, columns: plan.columns, hasHalves, k, gpu, plan })
}

type Head = {
  readonly opened: HeadTables
  readonly division: Division
  readonly compiled: HeadKernels
  readonly vocabSize: number
  readonly stride: number
  readonly columns: number
  readonly hasHalves: boolean
  readonly k: number
  readonly gpu: RunnerGpu
  readonly plan: HeadPlan
}

/** What is read of a product. */
type Wanted = { readonly lists: boolean; readonly logits: boolean }
type Recorded = { readonly merged: GPUBuffer; readonly all: GPUBuffer }
type Results = { readonly lists: Float32Array[]; readonly logits: Float32Array[] }

/** The words of each table, for lists alone and for all logits as well. */
function writePieces({ gpu, opened, division, vocabSize, stride, plan }: Head) {
  const { tables } = opened
  const { groupRows, groups, firstGroups } = division
  const buffers = [false, true].map((isWritten) =>
    tables.map(({ first, rows, units }, i) => {
      const words = { first, rows, units, groupRows, firstGroup: firstGroups[i] ?? 0, groups, vocab: vocabSize, stride: stride / 4, isWritten }
      const bytes = pieceBytes({ ...words, scale: plan.scale, softcap: plan.softcap ?? 0 })
      const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST
      const buffer = gpu.device.createBuffer({ label: 'head.piece', size: bytes.length, usage })
      gpu.device.queue.writeBuffer(buffer, 0, bytes.buffer)
      return buffer
    }),
  )
  return { of: (isWritten: boolean) => buffers[isWritten ? 1 : 0] ?? [], destroy: () => buffers.flat().forEach((buffer) => buffer.destroy()) }
}

function runHead(head: Head): GpuHead {
  const { opened, division, compiled, vocabSize, stride, columns, hasHalves, k, gpu, plan } = head
  const { groups, firstGroups } = division
  const memory = createGpuMemory(gpu.device)
  const growing = (name: string): GrowingBuffer => memory.growing(`head.${name}`)
  const scratch = {
    picked: growing('picked'),
    normed: growing('normed'),
    lists: growing('lists'),
    output: growing('output'),
    logits: growing('logits'),
  }
  const pieces = writePieces(head)
  const words = listWords(k)

  /** @param rows at most `MOST_ROWS` @returns the buffers of lists and of logits, of which those wanted are written */
  async function record({ buffer, tokens }: HiddenBuffer, rows: readonly number[], { lists, logits: isWritten }: Wanted): Promise<Recorded> {
    const rowsAtOnce: HeadRows = rows.length === 1 ? 1 : 4
    const product = await compiled.product(rowsAtOnce)
    const padded = rowsAtOnce * Math.ceil(rows.length / rowsAtOnce)
    const [picks, hidden] = [scratch.picked.atLeast(4 * padded), scratch.normed.atLeast(4 * padded * stride)]
    const [parts, merged] = [scratch.lists.atLeast(4 * padded * groups * words), scratch.output.atLeast(4 * padded * words)]
    const all = scratch.logits.atLeast(isWritten ? 4 * padded * vocabSize : 0)
    memory.write(picks, bytesOf(Uint32Array.from({ length: padded }, (_, i) => rows[i] ?? rows[0] ?? 0)))
    memory.encode((encoder) => {
      compiled.norm(encoder, [picks, buffer, opened.scale, opened.shift, hidden], { rows: padded, columns, tokens, stride, hasHalves })
      for (const [i, { weights, scales, weightWords, scaleWords }] of opened.tables.entries()) {
        const piece = pieces.of(isWritten)[i]
        if (!piece) throw new Error('a table without its words')
        const pieceGroups = (firstGroups[i + 1] ?? groups) - (firstGroups[i] ?? 0)
        const sizes = { rows: padded, rowsAtOnce, stride, weightWords, scaleWords, k, pieceGroups, groups, vocab: isWritten ? vocabSize : 0 }
        product(encoder, [piece, weights, scales, hidden, parts, all], sizes)
      }
      if (lists) compiled.merge(encoder, [parts, merged], { rows: padded, groups, k })
    })
    return { merged, all }
  }

  /** The first `count` rows of a buffer. */
  async function readRows(buffer: GPUBuffer, count: number, width: number): Promise<readonly Float32Array[]> {
    const floats = asFloat32(await memory.read(buffer, 4 * count * width))
    return Array.from({ length: count }, (_, i) => floats.subarray(i * width, (i + 1) * width))
  }

  async function run(hidden: HiddenBuffer, rows: readonly number[], wanted: Wanted): Promise<Results> {
    const results: Results = { lists: [], logits: [] }
    for (let start = 0; start < rows.length; start += MOST_ROWS) {
      const some = rows.slice(start, start + MOST_ROWS)
      const { merged, all } = await record(hidden, some, wanted)
      const [lists, logits] = await Promise.all([
        wanted.lists ? readRows(merged, some.length, words) : [],
        wanted.logits ? readRows(all, some.length, vocabSize) : [],
      ])
      results.lists.push(...lists)
      results.logits.push(...logits)
    }
    return results
  }

  return {
    heldBytes: headPlanBytes(plan),
    fidelity: opened.fidelity,
    heads: async (hidden, rows, readsLogits) => {
      const { lists, logits } = await run(hidden, rows, { lists: true, logits: readsLogits })
      return lists.map((list, i) => ({ shortlist: readList(list, k, vocabSize), logits: logits[i] ?? null }))
    },
    logits: async (hidden, rows) => {
      const all = new Float32Array(rows.length * vocabSize)
      for (const [i, one] of (await run(hidden, rows, { lists: false, logits: true })).logits.entries()) all.set(one, i * vocabSize)
      return all
    },
    release: () => {
      opened.destroy()
      pieces.destroy()
      memory.destroy()
    },
  }
}
