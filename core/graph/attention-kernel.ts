/** From heads of queries, keys and values to heads of what is attended: one operator where it can, else composed. */
import { ClusterError } from '../../protocol/errors.ts'
import type { Heads, Kernel, KernelInputs } from './attention-parts.ts'
import { composedAttention } from './composed-attention.ts'
import type { GraphBuilder } from './graph-builder.ts'
import * as ops from './ops.ts'
import { reshapeRows, sliceColumns, vector } from './products.ts'
import { rotaryTables } from './rotation.ts'
import { spanInput } from './span-inputs.ts'

/** The WebGPU kernel reads a softcap and does nothing with it (onnxruntime 1.30). */
const isKernelWrong = (g: GraphBuilder, { softcap = 0 }: Kernel): boolean => g.options.backend === 'webgpu' && softcap !== 0

/** Heads ─ GroupQueryAttention(rotary, past → present) ─ heads */
function groupQueryAttention(g: GraphBuilder, heads: Heads, kernel: Kernel, { at, key, value, rotary, sinks }: KernelInputs): string {
  const { numHeads, numKvHeads, scale, softcap = 0, window } = kernel
  const caches = { pastKey: key.past, presentKey: key.present, pastValue: value.past, presentValue: value.present }
  const lengths = { seqlens: spanInput(g, 'seqlens'), total: spanInput(g, 'total') }
  const attributes = { numHeads, numKvHeads, scale, doRotary: rotary.cos !== '', softcap, window: window ?? -1 }
  return ops.groupQueryAttention(g, `${at}/GroupQueryAttention`, { ...heads, ...caches, ...rotary, ...lengths, sinks }, attributes)
}

/** Heads ─ attention over the layer's cache, the new tokens included ─ heads without padding. @param at address of the layer's attention */
export function attend(g: GraphBuilder, at: string, heads: Heads, kernel: Kernel): string {
  const { layer, numHeads, numKvHeads, layout, valueDim } = kernel
  const width = layout.slots.length
  if (numHeads % numKvHeads !== 0)
    throw new ClusterError('bad_checkpoint', `the attention of layer ${layer} has ${numHeads} heads over ${numKvHeads} key heads`)
  const side = (name: 'key' | 'value') => ({ past: `past.${layer}.${name}`, present: `present.${layer}.${name}` })
  const [key, value] = [side('key'), side('value')]
  for (const names of [key, value]) g.state({ ...names, type: g.options.floatType, dims: [1, numKvHeads, 'tokens', width] })
  const sinks = kernel.sinks ? vector(g, `${at}.sinks`, [kernel.sinks]) : ''
  const inputs = { at, key, value, rotary: rotaryTables(g, kernel.rope, layout.pairs), sinks }
  const output = isKernelWrong(g, kernel) ? composedAttention(g, heads, kernel, inputs) : groupQueryAttention(g, heads, kernel, inputs)
  if (width === valueDim) return output
  const split = reshapeRows(g, `${at}/heads/Reshape`, output, [numHeads, width])
  return reshapeRows(g, `${at}/heads/ReshapeBack`, sliceColumns(g, `${at}/heads/Slice`, split, 0, valueDim), [numHeads * valueDim])
}
