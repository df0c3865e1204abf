/** Each kernel over uneven inputs beside its reference, inside a page with a GPU. */
import { packF16Reference } from '../../shaders/pack-f16.ref.ts'
import { topKReference } from '../../shaders/top-k.ref.ts'
import { bindingBytes, packF16Kernel, SHORTLIST_SIZE, topKKernel } from '../../shaders/index.ts'
import { createGpuMemory } from '../../runtime/gpu-memory.ts'
import { openRunnerGpu } from '../harness/gpu.page.ts'

/** Deterministic and uneven: most values small, a few far out. @returns [-1, 1) */
function noise(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
}

export type TopKCase = { readonly vocab: number; readonly fill: 'noise' | 'ties' | 'equal' | 'infinite' | 'zeros'; readonly seed: number }
export type TopKResult = {
  readonly ids: number[]
  readonly logits: number[]
  readonly logSumExp: number
  readonly expected: { ids: number[]; logits: number[]; logSumExp: number }
  readonly milliseconds: number
}

function logitsOf({ vocab, fill, seed }: TopKCase): Float32Array {
  const next = noise(seed)
  return Float32Array.from({ length: vocab }, (_, i) => {
    const value = next()
    switch (fill) {
      case 'noise':
        return 12 * value ** 3 + (i % 997 === 3 ? 9 * next() : 0)
      case 'ties':
        return Math.round(3 * value)
      case 'equal':
        return -2.5
      case 'infinite':
        return i % 3 === 0 ? -Infinity : 40 * value
      case 'zeros':
        return i % 2 === 0 ? 0 : -0
    }
  })
}

export async function topK(cases: readonly TopKCase[]): Promise<TopKResult[]> {
  const { device, kernels } = await openRunnerGpu()
  const memory = createGpuMemory(device)
  const results: TopKResult[] = []
  for (const one of cases) {
    const logits = logitsOf(one)
    const k = SHORTLIST_SIZE
    const [input, output] = [memory.growing('logits').atLeast(logits.byteLength), memory.growing('output').atLeast((2 * k + 1) * 4)]
    memory.write(input, new Uint8Array(logits.buffer))
    const start = performance.now()
    memory.encode((encoder) => kernels.topK(encoder, input, one.vocab, output))
    const bytes = await memory.read(output, bindingBytes(topKKernel.bindings[1] ?? never(), { vocab: one.vocab, k }))
    const milliseconds = performance.now() - start
    const floats = new Float32Array(bytes.buffer, bytes.byteOffset, 2 * k + 1)
    const size = Math.min(k, one.vocab)
    results.push({
      ids: Array.from(new Uint32Array(bytes.buffer, bytes.byteOffset, size)),
      logits: Array.from(floats.slice(k, k + size)),
      logSumExp: floats[2 * k] ?? NaN,
      expected: topKReference(logits, size),
      milliseconds,
    })
  }
  device.destroy()
  return results
}

const never = (): never => {
  throw new Error('a kernel without this binding')
}

/** Halves that differ from the reference, and what was compared. */
export type PackResult = {
  readonly count: number
  readonly wrong: { readonly value: number; readonly got: number; readonly expected: number }[]
  readonly nonZero: number
}

/** Every half, its neighbours in f32, and the midpoints between halves: where rounding can go wrong. */
function edgeValues(): Float32Array {
  const values: number[] = [0, -0, 65504, 65519.996, 65520, 65536, 3.4e38, -3.4e38, Infinity, -Infinity, NaN, 1e-45, 2 ** -25, 2 ** -24, 6e-8]
  for (let bits = 0; bits < 0x7c00; bits += 1) {
    const exponent = bits >> 10
    const half = exponent === 0 ? (bits & 0x3ff) * 2 ** -24 : (1 + (bits & 0x3ff) / 1024) * 2 ** (exponent - 15)
    const midpoint = half + 2 ** (Math.max(exponent, 1) - 26)
    values.push(half, midpoint, -midpoint, midpoint * (1 + 2 ** -23), midpoint * (1 - 2 ** -23))
  }
  return Float32Array.from(values)
}

export async function packF16(counts: readonly number[]): Promise<PackResult[]> {
  const { device, kernels } = await openRunnerGpu()
  const memory = createGpuMemory(device)
  const edges = edgeValues()
  const results: PackResult[] = []
  for (const count of [edges.length, ...counts]) {
    const next = noise(count)
    const values = count === edges.length ? edges : Float32Array.from({ length: count }, (_, i) => next() * 10 ** (((i + 8) % 13) - 8))
    const bytes = bindingBytes(packF16Kernel.bindings[1] ?? never(), { count })
    const [input, output] = [memory.growing('input').atLeast(4 * count), memory.growing('output').atLeast(bytes)]
    memory.write(input, new Uint8Array(values.buffer))
    memory.encode((encoder) => kernels.packF16(encoder, input, count, output))
    const halves = new Uint16Array((await memory.read(output, bytes)).slice().buffer)
    const wrong = Array.from(values, (value, i) => ({ value, got: halves[i] ?? -1, expected: packF16Reference(value) })).filter(
      ({ got, expected }) => got !== expected,
    )
    results.push({ count, wrong: wrong.slice(0, 5), nonZero: halves.filter((half) => (half & 0x7fff) !== 0).length })
  }
  device.destroy()
  return results
}
