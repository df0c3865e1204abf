/** What attention is made from, whichever way it is computed. */
import type { AttentionSpec, RopeSpec } from '../arch/layer-builder.ts'
import type { HeadLayout } from './head-layout.ts'
import type { Rotary } from './rotation.ts'

/** [1, tokens, heads · width] each; all three in `query`, behind each other, where key and value are empty names. */
export type Heads = { readonly query: string; readonly key: string; readonly value: string }

export type Kernel = Pick<AttentionSpec, 'layer' | 'scale' | 'window' | 'numHeads' | 'numKvHeads' | 'softcap' | 'sinks'> & {
  readonly layout: HeadLayout
  readonly rope: RopeSpec | null
  /** Dimensions of a value; its other slots are zeros. */
  readonly valueDim: number
}

/** The layer's cache as it was and as it becomes. */
type Cache = { readonly past: string; readonly present: string }
export type KernelInputs = {
  /** Address of the layer's attention. */
  readonly at: string
  readonly key: Cache
  readonly value: Cache
  readonly rotary: Rotary
  /** [numHeads], or an empty name. */
  readonly sinks: string
}
