/** The head of a model on WebGPU: time and bytes read back for each token, our kernels beside a graph whose logits are read. */
import { openHarness } from '../tests/harness/browser.ts'
import type { HeadTask, HeadTimes } from './head.page.ts'
import { median, type BenchReport } from './report.ts'

/** Vocabulary and width of Ember, of SmolLM2-135M, and of a vocabulary as large as Qwen's over a narrow model. */
const SHAPES = [
  { vocabSize: 4096, hiddenSize: 192 },
  { vocabSize: 49_152, hiddenSize: 576 },
  { vocabSize: 151_936, hiddenSize: 128 },
] as const
const FORMATS = ['f32', 'int8', 'int4'] as const

export async function benchHead({ rounds, say }: { readonly rounds: number; readonly say: (line: string) => void }): Promise<BenchReport> {
  const measurements: (HeadTimes & Pick<HeadTask, 'vocabSize' | 'hiddenSize' | 'weightFormat'>)[] = []
  const harness = await openHarness()
  try {
    for (const shape of SHAPES) {
      for (const weightFormat of FORMATS) {
        say(`${shape.vocabSize} logits of ${shape.hiddenSize} in ${weightFormat} …`)
        const task: HeadTask = { ...shape, weightFormat, rounds, wasmPaths: `${harness.origin}/node_modules/onnxruntime-web/dist/` }
        const page = await harness.openPage()
        measurements.push({ ...shape, weightFormat, ...(await harness.call<HeadTimes>('bench/head.page.ts', 'timeHead', task, page)) })
        await page.context().close()
      }
    }
    const columns = ['vocabulary', 'width', 'weights', 'kernels, ms', 'graph, ms', 'kernels / graph', 'kernels, bytes read', 'graph, bytes read']
    const rows = measurements.map(({ vocabSize, hiddenSize, weightFormat, kernels, graph, kernelBytes, graphBytes }) => {
      const ratio = median(kernels.map((ms, i) => ms / (graph[i] ?? NaN)))
      return [vocabSize, hiddenSize, weightFormat, median(kernels), median(graph), ratio, String(kernelBytes), String(graphBytes)]
    })
    return { browser: `Chromium ${harness.browser.version()}`, tables: [{ title: 'The head of one token on WebGPU', columns, rows }], measurements }
  } finally {
    await harness.close()
  }
}
