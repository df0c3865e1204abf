import { setFlagsFromString } from 'node:v8'
import { expect, test } from 'vitest'
import { hasRelaxedSimd } from '../../runtime/simd/relaxed-simd.ts'
import type { KernelModule } from './simd-call.ts'
import { sweep } from './simd-sweep.ts'

/** `KERNEL_CALLS=200000 npx vitest run tests/kernels/simd-sweep.test.ts` is the long run. */
const CALLS = Number(process.env['KERNEL_CALLS'] ?? 4000)
const SEED = Number(process.env['KERNEL_SEED'] ?? 1)

// Engines that know the flag only: others have it anyway.
if (!hasRelaxedSimd()) setFlagsFromString('--experimental-wasm-relaxed-simd')
const MODULES: readonly KernelModule[] = hasRelaxedSimd() ? ['kernels', 'kernels-relaxed'] : ['kernels']
if (!hasRelaxedSimd()) test('kernels of relaxed SIMD hold their bounds', ({ skip }) => skip('this engine has no relaxed SIMD'))

test.each(MODULES)(
  `${CALLS} random calls of %s hold their bounds, end whatever they are fed, and write nowhere else`,
  { timeout: 3_600_000 },
  (module) => {
    const { worst, failures } = sweep(CALLS, SEED, { module })
    expect(failures.slice(0, 10)).toEqual([])
    // Every kernel was reached, and none agrees by giving zeros.
    expect(Object.keys(worst).sort()).toEqual(
      expect.arrayContaining([
        'activate',
        'add',
        'attend',
        'attend, integers',
        'combine',
        'convolve',
        'log-sum-exp',
        'map',
        'norm',
        'rotate',
        'route',
        'shortlist ids',
      ]),
    )
    expect(Object.keys(worst).filter((name) => name.includes('product')).length).toBe(16)
    expect(worst['product f32']).toBeGreaterThan(0)
    expect(worst['rows alone']).toBe(0)
  },
)

/** Untouched pages cost nothing, but not every system promises so many. */
function canAddress(bytes: number): boolean {
  try {
    return new WebAssembly.Memory({ initial: bytes / 65_536, maximum: 65_536 }).buffer.byteLength === bytes
  } catch {
    return false
  }
}

const BEYOND_2_GIB = 2 ** 31 + 2 ** 20
test('kernels hold their bounds at addresses beyond 2 GiB', { timeout: 600_000 }, ({ skip }) => {
  skip(!canAddress(BEYOND_2_GIB + 2 ** 23), 'this machine does not give a memory of more than 2 GiB')
  const { failures, worst } = sweep(400, 77, { module: 'kernels', first: BEYOND_2_GIB })
  expect(failures.slice(0, 10)).toEqual([])
  expect(worst['attend']).toBeGreaterThan(0)
})
