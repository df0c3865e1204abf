import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { expect, test } from 'vitest'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { hasRelaxedSimd } from '../../runtime/simd/relaxed-simd.ts'
import { runEmber } from './ember.ts'

const EMBER = fileURLToPath(new URL('../../models/ember', import.meta.url))

// Node 20 has it behind a flag.
if (!hasRelaxedSimd()) setFlagsFromString('--experimental-wasm-relaxed-simd')

test('of the 30 stored answers at least 26 survive int4 weights on relaxed SIMD, and two threads give the same', async ({ skip }) => {
  skip(!hasRelaxedSimd(), 'this engine has no relaxed SIMD')
  const ember = { source: folderSource(EMBER), backend: 'simd', weightFormat: 'int4' } as const
  const one = await runEmber({ ...ember, simd: await loadKernels() })
  expect(one.total).toBe(30)
  expect(one.equal).toBeGreaterThanOrEqual(26)
  const two = await runEmber({ ...ember, simd: await loadKernels(2, 2 ** 28), limit: 6 })
  expect(two.different).toEqual(one.different.filter((sample) => sample < 6))
})
