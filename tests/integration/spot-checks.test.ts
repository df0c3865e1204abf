/** Devices that compute a real model rightly, each in its own way, checked by a witness: how far their results lie apart. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { toleranceOf } from '../../core/cluster/spot-check.ts'
import type { Backend, WeightFormat } from '../../protocol/cluster.ts'
import { GREEDY } from '../../protocol/ring.ts'
import { RING_MODEL } from '../harness/memory-ring.ts'
import { openNodeRing } from '../harness/node-ring.ts'

const EMBER = path.join(import.meta.dirname, '../../models/ember')
type Sample = { readonly prompt_ids: readonly number[] }
const { samples } = JSON.parse(readFileSync(path.join(EMBER, 'samples.json'), 'utf8')) as { samples: readonly Sample[] }

const CASES: readonly (readonly [Backend, Backend, WeightFormat])[] = [
  ['simd', 'simd', 'f32'],
  ['simd', 'simd', 'int8'],
  ['simd', 'simd', 'int4'],
  ['wasm', 'wasm', 'f32'],
  ['wasm', 'simd', 'f32'],
  ['simd', 'wasm', 'int8'],
]

test.each(CASES)(
  '36: a ring on %s and a witness on %s agree about %s weights, prompts and tokens alike',
  { timeout: 120_000 },
  async (backend, witness, format) => {
    await using ring = await openNodeRing(EMBER, backend, format, 2, witness)
    const ask = async (promptIds: readonly number[]): Promise<void> => {
      const request = { model: RING_MODEL, promptIds, sampling: GREEDY, stopIds: [], maxTokens: 60, signal: new AbortController().signal }
      for await (const event of ring.client.complete(request)) void event
    }
    const checks = () => [...ring.cluster.view().peers.values()].flatMap(({ status }) => status.checks ?? [])
    const checked = (): number => checks().reduce((sum, report) => sum + report.checked, 0)
    for (let i = 0; i < 40 && checked() < 8; i++)
      await Promise.all([0, 1].map((offset) => ask(samples[(2 * i + offset) % samples.length]?.prompt_ids ?? [])))
    await ring.cluster.until(() => checked() >= 4)
    for (const { wrong, worstError } of checks()) {
      expect(wrong).toBe(0)
      // With room for models that are larger.
      expect(worstError).toBeLessThan(toleranceOf(backend, witness, format) / 2)
    }
  },
)
