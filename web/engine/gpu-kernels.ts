/** The kernels of shaders/ compiled on the device that the runner shares with ONNX Runtime. */
import type { RunnerKernels } from '../../runtime/webgpu-engine.ts'
import { bindingBytes, packF16Kernel, SHORTLIST_SIZE, topKKernel, type Kernel } from '../../shaders/index.ts'
import packF16Source from '../../shaders/pack-f16.wgsl?raw'
import topKSource from '../../shaders/top-k.wgsl?raw'

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
    pass.dispatchWorkgroups(workgroups(sizes))
    pass.end()
  }
}

export async function compileKernels(device: GPUDevice): Promise<RunnerKernels> {
  const topK = await compile(device, topKKernel, topKSource, { K: SHORTLIST_SIZE })
  const packF16 = await compile(device, packF16Kernel, packF16Source, {})
  return {
    shortlistSize: SHORTLIST_SIZE,
    topK: (encoder, logits, vocab, output) => topK(encoder, [logits, output], { vocab, k: SHORTLIST_SIZE }),
    packF16: (encoder, input, count, output) => packF16(encoder, [input, output], { count }),
  }
}
