/** Products with held matrices on a real GPU provider, against the same product in f64 from the stored bytes. */
import { z } from 'zod'
import { graphBuilder } from '../../core/graph/graph-builder.ts'
import { linear } from '../../core/graph/products.ts'
import { memorySource } from '../../core/model/memory-source.ts'
import type { TensorIndex } from '../../core/model/safetensors.ts'
import { relativeError } from '../../core/quant/deviation.ts'
import { f32ToF16Bits } from '../../core/quant/float16.ts'
import { BLOCK_LAYOUTS, isBlockType, type BlockType } from '../../core/quant/gguf-blocks.ts'
import { bytesOf, decodeStored, type StoredType } from '../../core/quant/stored.ts'
import type { WeightFormat } from '../../protocol/cluster.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import { fromCheckpoint, openGraph } from '../../runtime/engines/open-graph.ts'
import { webgpuSessionOptions } from '../../runtime/engines/webgpu-engine.ts'
import { openRunnerGpu } from '../harness/gpu.page.ts'

export type ProductReport = {
  readonly stored: string
  readonly weightFormat: WeightFormat
  readonly held: string
  readonly tokens: number
  /** Root mean square of the difference over that of the product. */
  readonly error: number
  /** What loading said of the weights. */
  readonly weightError: number
}

const entriesSchema = z.object({
  entries: z.array(z.object({ type: z.string(), kind: z.string(), elements: z.number(), raw: z.object({ offset: z.number(), bytes: z.number() }) })),
})

type Matrix = { readonly type: StoredType; readonly bytes: Uint8Array; readonly rows: number; readonly columns: number }

/** Uneven numbers, the same each time. */
const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + seed) * (1 + ((i * 31 + seed) % 7)))

/** Where a block has its halves, if not one at its beginning. */
const HALVES: Readonly<Partial<Record<BlockType, readonly number[]>>> = { q6_k: [208], q3_k: [108], q4_k: [0, 2] }

/** Random blocks with scales that weights have: any bits make a block, but also infinite ones. */
function withScales(bytes: Uint8Array, type: BlockType): Uint8Array {
  const view = new DataView(bytes.buffer)
  for (let block = 0; block < bytes.length / BLOCK_LAYOUTS[type].bytes; block++) {
    for (const at of HALVES[type] ?? [0]) view.setUint16(block * BLOCK_LAYOUTS[type].bytes + at, f32ToF16Bits(0.001 * (1 + (block % 5))), true)
  }
  return bytes
}

/** A float matrix whose rows end inside a block, and one of blocks of each given type. */
async function matricesAt(url: string, types: readonly string[]): Promise<readonly Matrix[]> {
  const { entries } = entriesSchema.parse(await (await fetch(`${url}manifest.json`)).json())
  const blob = new Uint8Array(await (await fetch(`${url}blocks.bin`)).arrayBuffer())
  const blocks = types.map((name): Matrix => {
    const entry = entries.find(({ type }) => type.toLowerCase() === name)
    if (!entry || !isBlockType(name)) throw new Error(`no blocks of ${name}`)
    const { offset, bytes } = entry.raw
    return { type: name, bytes: withScales(blob.slice(offset, offset + bytes), name), rows: entry.elements / 256, columns: 256 }
  })
  return [{ type: 'f32', bytes: bytesOf(numbers(48 * 100, 3)), rows: 48, columns: 100 }, ...blocks]
}

function expectedProduct({ bytes, type, rows, columns }: Matrix, input: Float32Array, tokens: number): Float64Array {
  const weights = decodeStored(bytes, type)
  return Float64Array.from({ length: tokens * rows }, (_, i) => {
    const [token, row] = [Math.floor(i / rows), i % rows]
    let sum = 0
    for (let k = 0; k < columns; k++) sum += (input[token * columns + k] ?? 0) * (weights[row * columns + k] ?? 0)
    return sum
  })
}

function errorOf(actual: Float32Array, expected: Float64Array): number {
  let [differences, squares] = [0, 0]
  expected.forEach((value, i) => {
    differences += ((actual[i] ?? NaN) - value) ** 2
    squares += value ** 2
  })
  return Math.sqrt(differences / squares)
}

/** Every matrix in every format, one token and many. @param options.url where the blocks lie */
export async function products(options: { url: string; wasmPaths: string; types: readonly string[] }): Promise<readonly ProductReport[]> {
  const ort = await loadOrt({ backend: 'webgpu', numThreads: 1, wasmPaths: options.wasmPaths })
  const gpu = await openRunnerGpu()
  const reports: ProductReport[] = []
  for (const matrix of await matricesAt(options.url, options.types)) {
    const { type, bytes, rows, columns } = matrix
    const tensors: TensorIndex = new Map([['w', { file: 'f', type, shape: [rows, columns], start: 0, end: bytes.length }]])
    for (const weightFormat of ['int8', 'int4'] as const) {
      const g = graphBuilder(tensors, { backend: 'webgpu', weightFormat, contextLength: 8, floatType: 'f32' })
      const x = g.input({ name: 'x', type: 'f32', dims: [1, 'tokens', columns] })
      const y = linear(g, x, { weight: { tensor: 'w', shape: [rows, columns] } })
      g.output({ name: y, type: 'f32', dims: [1, 'tokens', rows] })
      const source = memorySource('blocks', new Map([['f', bytes]]))
      const opened = await openGraph(
        ort,
        g.finish('product'),
        fromCheckpoint({ source, tensors, onBytes: () => undefined }),
        webgpuSessionOptions(gpu),
      )
      const [fidelity] = opened.fidelity
      if (!fidelity) throw new Error('a graph without a matrix')
      for (const tokens of [1, 48]) {
        const input = numbers(tokens * columns, tokens)
        const result = (await opened.run({ x: new ort.Tensor('float32', input, [1, tokens, columns]) }))[opened.output]
        const actual = await result?.getData()
        if (!(actual instanceof Float32Array)) throw new Error('a product is not f32')
        const error = errorOf(actual, expectedProduct(matrix, input, tokens))
        reports.push({ stored: type, weightFormat, held: fidelity.held, tokens, error, weightError: relativeError(fidelity.deviation) })
      }
      await opened.release()
    }
  }
  return reports
}
