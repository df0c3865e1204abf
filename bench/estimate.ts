/** The memory estimate, part by part, against what a process grows by when it holds the shard and a full context. */
import { fork } from 'node:child_process'
import path from 'node:path'
import { formatsOf } from '../core/graph/emit-options.ts'
import { openHarness } from '../tests/harness/browser.ts'
import type { ChildReport, ChildTask, CpuBackend } from './estimate-child.ts'
import type { PageHeld, PageTask } from './estimate.page.ts'
import { BENCH_MODELS_DIR, type BenchModel } from './models.ts'
import type { BenchReport } from './report.ts'

const ROOT = path.join(import.meta.dirname, '..')
const CHILD = path.join(import.meta.dirname, 'estimate-child.ts')
const CONTEXT_TOKENS = 512
const MIB = 2 ** 20

/** One pass of so many tokens is run on the GPU; its caches have the whole context from the start. */
const GPU_PASS_TOKENS = 128

export type EstimateBenchOptions = {
  /** `cpu`: both backends without a GPU, each shard in a process of its own. `webgpu`: in a page. */
  readonly on: 'cpu' | 'webgpu'
  readonly models: readonly BenchModel[]
  /** Further folders of checkpoints. */
  readonly folders: readonly string[]
  readonly say: (line: string) => void
}

/** Starts a process, so that no measurement sees what another left behind. @throws {Error} when it ends without a report */
function measureApart(task: ChildTask): Promise<ChildReport> {
  const { folder, backend, weightFormat, contextLength, endLayer } = task
  const argv = [folder, backend, weightFormat, String(contextLength), endLayer === null ? '' : String(endLayer)]
  return new Promise((resolve, reject) => {
    const child = fork(CHILD, argv, { execArgv: [...process.execArgv, '--expose-gc'] })
    child.once('message', (report) => resolve(report as ChildReport))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the process that holds ${path.basename(folder)} in ${weightFormat} ended with ${code}`)))
  })
}

type Measurement = ChildTask & ChildReport
type Predicted = Pick<ChildReport, 'estimate' | 'heldWeightBytes'> & {
  readonly folder: string
  readonly backend: string
  readonly weightFormat: string
}

/** What every row begins with. */
const predictedCells = ({ folder, backend, weightFormat, estimate, heldWeightBytes }: Predicted) => [
  path.basename(folder),
  backend,
  weightFormat,
  estimate.weightsBytes / MIB,
  heldWeightBytes / MIB,
  estimate.kvBytes / MIB,
  estimate.activationBytes / MIB,
  estimate.overheadBytes / MIB,
  estimate.totalBytes / MIB,
]
const PREDICTED_COLUMNS = ['model', 'backend', 'format', 'weights', 'held', 'KV', 'activations', 'overhead', 'total']

const rowOf = (measured: Measurement) => [
  ...predictedCells(measured),
  measured.processBytes / MIB,
  measured.estimate.totalBytes / measured.processBytes,
]

type GpuMeasurement = PageHeld & { readonly folder: string; readonly weightFormat: PageTask['weightFormat'] }

const gpuRowOf = (measured: GpuMeasurement) => [
  ...predictedCells({ ...measured, backend: 'webgpu' }),
  measured.gpuBytes / MIB,
  measured.pageBytes / MIB,
  measured.estimate.totalBytes / (measured.gpuBytes + measured.pageBytes),
]

/** A page for each shard: memory of WebAssembly never shrinks. */
async function measureOnGpu(folders: readonly string[], say: (line: string) => void): Promise<BenchReport> {
  const measurements: GpuMeasurement[] = []
  let browser = ''
  for (const folder of folders) {
    for (const weightFormat of formatsOf('webgpu', 'f32')) {
      say(`${path.basename(folder)} on webgpu in ${weightFormat} …`)
      const harness = await openHarness({ mounts: { '/checkpoint/': folder } })
      try {
        const task: PageTask = {
          url: `${harness.origin}/checkpoint/`,
          wasmPaths: `${harness.origin}/node_modules/onnxruntime-web/dist/`,
          weightFormat,
          contextLength: CONTEXT_TOKENS,
          tokens: GPU_PASS_TOKENS,
        }
        browser = `Chromium ${harness.browser.version()}`
        measurements.push({ folder, weightFormat, ...(await harness.call<PageHeld>('bench/estimate.page.ts', 'hold', task)) })
      } finally {
        await harness.close()
      }
    }
  }
  const title = `MiB predicted before download, and what buffers of the GPU and the page then take with a context of ${CONTEXT_TOKENS}`
  const columns = [...PREDICTED_COLUMNS, 'GPU buffers', 'page', 'total / both']
  return { browser, tables: [{ title, columns, rows: measurements.map(gpuRowOf) }], measurements }
}

export async function benchEstimate({ models, folders, on, say }: EstimateBenchOptions): Promise<BenchReport> {
  for (const model of models) await model.prepare()
  const known = models.map(({ name }) => path.join(name === 'ember' ? path.join(ROOT, 'models') : BENCH_MODELS_DIR, name))
  const all = [...known, ...folders.map((one) => path.resolve(one))]
  if (on === 'webgpu') return measureOnGpu(all, say)
  const measurements: Measurement[] = []
  const backends: readonly CpuBackend[] = ['wasm', 'simd']
  for (const folder of all) {
    for (const backend of backends) {
      for (const weightFormat of formatsOf(backend, 'f32')) {
        const task: ChildTask = { folder, backend, weightFormat, contextLength: CONTEXT_TOKENS, endLayer: null }
        say(`${path.basename(folder)} on ${backend} in ${weightFormat} …`)
        const report = await measureApart(task)
        if (report.heldWeightBytes !== report.estimate.weightsBytes)
          throw new Error(`${path.basename(folder)} holds ${report.heldWeightBytes} bytes of weights, ${report.estimate.weightsBytes} were estimated`)
        measurements.push({ ...task, ...report })
      }
    }
  }
  const title = `MiB predicted before download, and what the process grows by with ${CONTEXT_TOKENS} tokens cached`
  const columns = [...PREDICTED_COLUMNS, 'process', 'total / process']
  return { browser: 'no browser', tables: [{ title, columns, rows: measurements.map(rowOf) }], measurements }
}
