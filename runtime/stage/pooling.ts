/** One vector of a prompt, from the rows that leave the last layer and the final norm. */
import { ClusterError } from '../../protocol/errors.ts'
import type { Job, Pooling } from '../../protocol/ring.ts'
import type { ShardWant } from '../shard-runner.ts'

/** Rows of the prompt below position `until`, added up. */
export type Pooled = { readonly until: number; readonly sum: Float64Array }

type PooledPass = { readonly position: number; readonly count: number }

/** What the last shard computes of a pass for a vector. */
export function wantToPool(pooling: Pooling, { promptIds }: Job, { position, count }: PooledPass): ShardWant {
  if (pooling === 'mean') return { type: 'normed', rows: count }
  return position + count < promptIds.length ? { type: 'none' } : { type: 'normed', rows: 1 }
}

/** @param rows [count, width] @throws {ClusterError} ring_broken when rows between are missing */
export function addRows(before: Pooled | null, { position, count }: PooledPass, rows: Float32Array): Pooled {
  if (position !== (before?.until ?? 0)) throw new ClusterError('ring_broken', 'a part of the text that a vector is made of was lost')
  const width = rows.length / count
  const sum = before?.sum ?? new Float64Array(width)
  rows.forEach((value, i) => (sum[i % width] = (sum[i % width] ?? 0) + value))
  return { until: position + count, sum }
}

export const meanOf = ({ until, sum }: Pooled): Float32Array => Float32Array.from(sum, (value) => value / until)
