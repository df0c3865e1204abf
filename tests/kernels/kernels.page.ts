/** Each kernel over uneven inputs beside its reference, inside a page with a GPU. */
import { packF16Reference } from '../../shaders/pack-f16.ref.ts'
import { bindingBytes, packF16Kernel } from '../../shaders/index.ts'
import { createGpuMemory } from '../../runtime/engines/gpu-memory.ts'
import { openRunnerGpu } from '../harness/gpu.page.ts'
import { noise } from './noise.ts'

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
