/** The kernels of shaders/ compiled on the device that the runner shares with ONNX Runtime. */
import type { HeadKernels, HeadShape, RunnerKernels } from '../../runtime/engines/gpu-kernels.ts'
import { headMergeKernel, headNormKernel, headProductKernel, SHORTLIST_SIZE, type HeadForm, type HeadRows } from '../../shaders/head.ts'
import headListSource from '../../shaders/head-list.wgsl?raw'
import headMergeSource from '../../shaders/head-merge.wgsl?raw'
import headNormSource from '../../shaders/head-norm.wgsl?raw'
import headProductSource from '../../shaders/head-product.wgsl?raw'
import { bindingBytes, packF16Kernel, type Kernel } from '../../shaders/index.ts'
import packF16Source from '../../shaders/pack-f16.wgsl?raw'

type Dispatch<Sizes> = (encoder: GPUCommandEncoder, buffers: readonly GPUBuffer[], sizes: Sizes) => void

/** @throws {Error} when the shader does not compile: a broken build, not a caller's mistake */
async function compile<Sizes>(device: GPUDevice, kernel: Kernel<Sizes>, code: string, constants: Record<string, number>): Promise<Dispatch<Sizes>> {
  const { label, bindings, workgroups } = kernel
  const module = device.createShaderModule({ label, code })
  const pipeline = await device.createComputePipelineAsync({ label, layout: 'auto', compute: { module, entryPoint: 'main', constants } })
  return (encoder, buffers, sizes) => {
    const entries = bindings.map((binding, index) => {
      const buffer = buffers[index]
      if (!buffer) throw new Error(`${label}.${binding.name} has no buffer`)
      return { binding: index, resource: { buffer, offset: 0, size: bindingBytes(binding, sizes) } }
    })
    const pass = encoder.beginComputePass({ label })
    pass.setPipeline(pipeline)
    pass.setBindGroup(0, device.createBindGroup({ label, layout: pipeline.getBindGroupLayout(0), entries }))
    pass.dispatchWorkgroups(...workgroups(sizes))
    pass.end()
  }
}

const FORMS = { 32: 0, 16: 1, 8: 2, 4: 3 } as const

const compileProduct = (device: GPUDevice, { bits, block, hasHalfScales }: HeadForm, rows: HeadRows, k: number) =>
  compile(device, headProductKernel, `${headListSource}\n${headProductSource}`, {
    K: k,
    ROWS: rows,
    FORM: FORMS[bits],
    BLOCK: block,
    HAS_HALF_SCALES: hasHalfScales ? 1 : 0,
  })

async function compileHead(device: GPUDevice, { form, epsilon, hasMean, hasHalves, k }: HeadShape): Promise<HeadKernels> {
  const products = new Map<HeadRows, ReturnType<typeof compileProduct>>()
  const product = (rows: HeadRows): ReturnType<typeof compileProduct> => {
    const compiled = products.get(rows) ?? compileProduct(device, form, rows, k)
    products.set(rows, compiled)
    return compiled
  }
  const [norm, merge] = await Promise.all([
    compile(device, headNormKernel, headNormSource, { EPSILON: epsilon, HAS_MEAN: hasMean ? 1 : 0, HAS_HALVES: hasHalves ? 1 : 0 }),
    compile(device, headMergeKernel, `${headListSource}\n${headMergeSource}`, { K: k }),
    product(1),
  ])
  return { norm, product, merge }
}

export async function compileKernels(device: GPUDevice): Promise<RunnerKernels> {
  // Of no model in particular: the next one of such a form finds them.
  const heads = new Map<string, Promise<HeadKernels>>()
  const packF16 = await compile(device, packF16Kernel, packF16Source, {})
  return {
    shortlistSize: SHORTLIST_SIZE,
    compileHead: (shape) => {
      const key = JSON.stringify(shape)
      const head = heads.get(key) ?? compileHead(device, shape)
      heads.set(key, head)
      return head
    },
    packF16: (encoder, input, count, output) => packF16(encoder, [input, output], { count }),
  }
}
