/** Our kernels as the runner calls them, compiled on the device that ORT runs on. */
import type { HeadForm, HeadRows, MergeSizes, NormSizes, ProductSizes } from '../../shaders/head.ts'

/** What the kernels of one head are compiled for. */
export type HeadShape = {
  readonly form: HeadForm
  readonly epsilon: number
  /** A layer norm, which takes off the mean. */
  readonly hasMean: boolean
  /** Hidden states are in f16. */
  readonly hasHalves: boolean
  /** Entries of a list. */
  readonly k: number
}

/** Records a kernel over its buffers, in the order of its binding table. */
type Record<Sizes> = (encoder: GPUCommandEncoder, buffers: readonly GPUBuffer[], sizes: Sizes) => void
export type HeadKernels = {
  readonly norm: Record<NormSizes>
  /** Compiled when it is first asked for: few passes want logits of several rows. */
  readonly product: (rowsAtOnce: HeadRows) => Promise<Record<ProductSizes>>
  readonly merge: Record<MergeSizes>
}

export type RunnerKernels = {
  /** Entries of a shortlist. */
  readonly shortlistSize: number
  readonly compileHead: (shape: HeadShape) => Promise<HeadKernels>
  /** `input` f32 [count] → `output` f16 [count], rounded to nearest even. */
  readonly packF16: (encoder: GPUCommandEncoder, input: GPUBuffer, count: number, output: GPUBuffer) => void
}
export type RunnerGpu = { readonly device: GPUDevice; readonly kernels: RunnerKernels }
