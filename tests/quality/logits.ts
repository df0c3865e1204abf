import { chainOf, newSequence, shardPool, type ChainOptions } from '../conformance/chain.ts'

export type Pass = { readonly cuts?: readonly number[]; readonly handoff?: 'f16' | 'f32' }

/** Logits behind every token of every text, each [tokens, vocab]. */
export async function logitsOf(options: ChainOptions, texts: readonly (readonly number[])[], pass: Pass = {}): Promise<readonly Float32Array[]> {
  const pool = shardPool(options)
  const all: Float32Array[] = []
  try {
    const chain = await chainOf(pool, pass.cuts ?? [], pass.handoff)
    for (const ids of texts) {
      const sequence = newSequence()
      chain.open(sequence, ids.length)
      const output = await chain.run(sequence, { position: 0, ids }, { type: 'all-logits' })
      chain.release(sequence)
      if (output.type !== 'all-logits') throw new Error(`a run gave ${output.type}`)
      all.push(output.logits)
    }
  } finally {
    await pool.dispose()
  }
  return all
}
