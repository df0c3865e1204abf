/**
 * `npm run conformance -- DIR [--backend node-wasm,node-simd,wasm,simd,webgpu] [--only NAME] [--allow-refused] [--write FILE.md]`
 * Runs what a folder with the layout of the golden data holds: checkpoints under DIR/arch and DIR/gguf (or in DIR itself) whole and
 * split on every backend; quant, tokenizers (those within GGUF files too), chat-templates and sampling once. Prints a line a case, exits 1 on
 * any failure. NAME is a section, a case, or both (`gguf`, `qwen3`, `chat-templates/qwen3`). A case of an architecture that is not supported is `refused`: it fails the run too, unless --allow-refused says that is known.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { folderSource } from '../../api-gateway/folder-source.ts'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { loadOrt } from '../../runtime/engines/ort.ts'
import type { PageCaseResult } from './conformance.page.ts'
import { runCase, type CaseOptions, type CaseReport } from './run-case.ts'
import { openHarness, type Harness } from '../harness/browser.ts'
import { checkpointCases, choose, ggufIn, meaningless } from './find-cases.ts'
import { conformancePage } from './markdown-table.ts'
import { describeGroup, groupResults, groupStatus, type GroupResult } from './text-cases.ts'
import PACKAGE from '../../package.json' with { type: 'json' }

const ORT_VERSION = PACKAGE.dependencies['onnxruntime-web']
const BACKENDS = ['node-wasm', 'node-simd', 'wasm', 'simd', 'webgpu'] as const
type ConformanceBackend = (typeof BACKENDS)[number]
type Outcome =
  { readonly status: 'passed' | 'failed'; readonly report: CaseReport } | { readonly status: 'refused' | 'failed'; readonly message: string }
type Line = { readonly name: string; readonly backend: ConformanceBackend; readonly outcome: Outcome; readonly milliseconds: number }

const isBackend = (name: string): name is ConformanceBackend => BACKENDS.some((backend) => backend === name)
const print = (line: string): void => void process.stdout.write(`${line}\n`)

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      backend: { type: 'string', default: 'node-wasm' },
      only: { type: 'string', multiple: true },
      'allow-refused': { type: 'boolean', default: false },
      write: { type: 'string' },
    },
  })
  const [folder] = positionals
  const backends = values.backend.split(',').filter((name) => name !== '')
  const unknown = backends.filter((name) => !isBackend(name))
  if (folder === undefined || !existsSync(folder)) throw new Error(`expected a folder of golden cases, got ${folder ?? 'nothing'}`)
  if (unknown.length > 0) throw new Error(`unknown backend ${unknown.join(', ')}; known are ${BACKENDS.join(', ')}`)
  return {
    folder: resolve(folder),
    backends: backends.filter(isBackend),
    only: values.only?.flatMap((names) => names.split(',')),
    allowRefused: values['allow-refused'],
    write: values.write,
  }
}

const judge = (report: CaseReport): Outcome => ({
  status: report.checks.length > 0 && report.checks.every((check) => check.passed) ? 'passed' : 'failed',
  report,
})
const REFUSALS: readonly string[] = ['unsupported_model', 'unsupported_backend']

type NodeBackend = Extract<ConformanceBackend, `node-${string}`>
const isNode = (backend: ConformanceBackend): backend is NodeBackend => backend.startsWith('node-')

const environmentOf = async (backend: NodeBackend): Promise<Omit<CaseOptions, 'source'>> =>
  backend === 'node-simd'
    ? { backend: 'simd', simd: await loadKernels() }
    : { backend: 'wasm', ort: await loadOrt({ backend: 'wasm', numThreads: 1 }) }

async function runInNode(folder: string, backend: NodeBackend): Promise<Outcome> {
  try {
    return judge(await runCase({ source: folderSource(folder, ggufIn(folder)), ...(await environmentOf(backend)) }))
  } catch (error) {
    if (error instanceof ClusterError && REFUSALS.includes(error.code)) return { status: 'refused', message: error.message }
    return { status: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

async function runInBrowser(harness: Harness, root: string, name: string, backend: Exclude<ConformanceBackend, NodeBackend>): Promise<Outcome> {
  const argument = {
    url: `${harness.origin}/cases/${name}/${ggufIn(join(root, name)) ?? ''}`,
    backend,
    wasmPaths: `${harness.origin}/node_modules/onnxruntime-web/dist/`,
  }
  try {
    const result = await harness.call<PageCaseResult>('tests/conformance/conformance.page.ts', 'conformance', argument)
    if ('report' in result) return judge(result.report)
    return REFUSALS.includes(result.error.code) ? { status: 'refused', message: result.error.message } : { status: 'failed', message: result.text }
  } catch (error) {
    // A page or browser that dies is a failed case, not the end of the table.
    return { status: 'failed', message: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) }
  }
}

/** The largest error of a check as a share of its bound. */
const worstShare = ({ checks }: CaseReport): number =>
  checks.filter((check) => check.bound > 0).reduce((most, check) => Math.max(most, check.maxError / check.bound), 0)

function pageOf(lines: readonly Line[], groups: readonly GroupResult[]): string {
  const cells = lines.map(({ name, backend, outcome }) => {
    if (!('report' in outcome)) return { name, backend, text: `${outcome.status}: ${outcome.message}` }
    const { checks } = outcome.report
    const passed = checks.filter((check) => check.passed).length
    return { name, backend, text: `${outcome.status}, ${passed} of ${checks.length}, ${(100 * worstShare(outcome.report)).toFixed(1)} %` }
  })
  const today = new Date().toISOString().slice(0, 10)
  return conformancePage(
    cells,
    groups.map((group) => ({ name: group.id, checks: group.outcome.checks, text: groupStatus(group) })),
    `${today}, onnxruntime-web ${ORT_VERSION}, Node ${process.versions.node}; webgpu without a GPU is a software adapter. Weights in f32; WebGPU heads in fewer bits are held to all their own logits by \`tests/conformance/gpu-ring.spec.ts\`.`,
  )
}

function describe({ name, backend, outcome, milliseconds }: Line): string {
  const start = `${outcome.status.padEnd(7)}  ${name.padEnd(20)} ${backend.padEnd(9)} ${String(Math.round(milliseconds)).padStart(7)} ms`
  if (!('report' in outcome)) return `${start}  ${outcome.message}`
  const { checks, observations } = outcome.report
  const failures = checks
    .filter((check) => !check.passed)
    .map((check) => `\n         ${check.name}: ${check.maxError.toExponential(2)} > ${check.bound.toExponential(2)}`)
  const seen = observations.map((observation) => `\n         ${observation.name}: ${observation.value}`)
  return `${start}  ${checks.length - failures.length}/${checks.length} checks, worst ${(100 * worstShare(outcome.report)).toFixed(1)} % of its bound${failures.join('')}${seen.join('')}`
}

type CaseRunner = { readonly run: (name: string) => Promise<Outcome>; readonly close: () => Promise<void> }

async function openRunner(backend: ConformanceBackend, root: string): Promise<CaseRunner> {
  if (isNode(backend)) return { run: (name) => runInNode(join(root, name), backend), close: () => Promise.resolve() }
  const harness = await openHarness({ mounts: { '/cases/': root } })
  return { run: (name) => runInBrowser(harness, root, name, backend), close: harness.close }
}

async function runBackend(backend: ConformanceBackend, { root, names }: { root: string; names: readonly string[] }): Promise<Line[]> {
  const runner = await openRunner(backend, root)
  const lines: Line[] = []
  try {
    for (const name of names) {
      const start = performance.now()
      const outcome = await runner.run(name)
      const line = { name, backend, outcome, milliseconds: performance.now() - start }
      print(describe(line))
      lines.push(line)
    }
  } finally {
    await runner.close()
  }
  return lines
}

async function main(): Promise<number> {
  const { folder, backends, only, allowRefused, write } = readArguments()
  const [everyGroup, everyCase] = [await groupResults(folder), checkpointCases(folder)]
  const unknown = meaningless([...everyGroup.map(({ id }) => id), ...everyCase], only)
  if (unknown.length > 0 || everyGroup.length + everyCase.length === 0) throw new Error(`no case ${unknown.join(', ') || 'at all'} in ${folder}`)
  const groups = choose(everyGroup, ({ id }) => id, only)
  for (const group of groups) print(describeGroup(group))
  const names = choose(everyCase, (name) => name, only)
  const lines: Line[] = []
  for (const backend of names.length > 0 ? backends : []) lines.push(...(await runBackend(backend, { root: folder, names })))
  if (write !== undefined) writeFileSync(write, pageOf(lines, groups))
  const statuses = [...lines.map(({ outcome }) => outcome.status), ...groups.map(groupStatus)]
  const count = (status: Outcome['status']): number => statuses.filter((one) => one === status).length
  print(`${count('passed')} passed, ${count('failed')} failed, ${count('refused')} refused${allowRefused ? ' (allowed)' : ''}`)
  return count('failed') > 0 || (count('refused') > 0 && !allowRefused) ? 1 : 0
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
