/** Binding tables of the kernels: what each binding holds and how many bytes that is. */

export type KernelBinding<Sizes> = {
  readonly name: string
  readonly access: 'uniform' | 'read' | 'write'
  /** Four-byte elements. */
  readonly elements: (sizes: Sizes) => number
}
export type Kernel<Sizes> = {
  /** Prefix of the labels of pipeline and buffers. */
  readonly label: string
  /** In the order of their numbers. */
  readonly bindings: readonly KernelBinding<Sizes>[]
  readonly workgroups: (sizes: Sizes) => readonly [number, number]
}

const PACK_THREADS = 256
/** WebGPU's least maximum of workgroups in one dimension. */
const MAX_WORKGROUPS = 65_535

export const packF16Kernel: Kernel<{ readonly count: number }> = {
  label: 'pack_f16',
  bindings: [
    { name: 'input', access: 'read', elements: ({ count }) => count },
    { name: 'output', access: 'write', elements: ({ count }) => Math.ceil(count / 2) },
  ],
  workgroups: ({ count }) => [Math.min(MAX_WORKGROUPS, Math.ceil(count / 2 / PACK_THREADS)), 1],
}

export const bindingBytes = <Sizes>(binding: KernelBinding<Sizes>, sizes: Sizes): number => 4 * binding.elements(sizes)
