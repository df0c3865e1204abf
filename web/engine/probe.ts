/** What this machine can lend: read from the browser, never guessed beyond what it tells. */
import { formatsOf } from '../../core/graph/emit-options.ts'
import { weightFormatSchema, type Backend, type Capabilities, type FloatType, type WeightFormat } from '../../protocol/cluster.ts'
import { MAX_NAME_CHARS } from '../../protocol/limits.ts'
import type { HardwareReport, LendOptions } from './page-engine.ts'

type Gpu = HardwareReport['webgpu']
const NO_GPU = { available: false, adapter: '', shaderF16: false, maxBufferBytes: 0 }
const GIB = 2 ** 30
/** Pledge where the browser does not tell its memory: small enough for a phone's tab. */
const UNKNOWN_MEMORY_BYTES = GIB
/** Chromium caps navigator.deviceMemory at 8 GiB; a quarter of what it says stays clear of the tab's own limits. */
const MEMORY_SHARE = 0.25
/** Largest memory that WebAssembly can address. */
export const WASM_LIMIT_BYTES = 4 * GIB

/** A function that gives a vector of zeros: engines that take it have SIMD. */
const SIMD_MODULE = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11)
const hasSimd = (): boolean => WebAssembly.validate(SIMD_MODULE)

async function probeGpu(): Promise<Gpu> {
  if (!globalThis.isSecureContext) return { ...NO_GPU, reason: 'WebGPU needs a secure page (https or localhost)' }
  if (!('gpu' in navigator)) return { ...NO_GPU, reason: 'this browser has no WebGPU' }
  try {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) return { ...NO_GPU, reason: 'no GPU adapter was found' }
    // Safari 26 ships adapters without `info`.
    const info = (adapter as { info?: GPUAdapterInfo }).info
    const name = [info?.vendor, info?.architecture, info?.device, info?.description].filter(Boolean).join(' ') || 'unnamed adapter'
    return { available: true, adapter: name, shaderF16: adapter.features.has('shader-f16'), maxBufferBytes: adapter.limits.maxBufferSize, reason: '' }
  } catch (error) {
    return { ...NO_GPU, reason: `the GPU could not be opened: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** In the order in which they are tried: the quickest to open first, the one that is always there last. */
const possibleBackends = (webgpu: Gpu): readonly Backend[] => [
  ...(hasSimd() ? (['simd'] as const) : []),
  ...(webgpu.available ? (['webgpu'] as const) : []),
  'wasm',
]

async function probeStorage(): Promise<HardwareReport['storage']> {
  const { usage, quota } = (await navigator.storage?.estimate?.().catch(() => null)) ?? {}
  return usage === undefined || quota === undefined ? null : { usedBytes: usage, quotaBytes: quota }
}

function deviceMemoryBytes(): number | null {
  const told = 'deviceMemory' in navigator ? navigator.deviceMemory : null
  return typeof told === 'number' ? told * GIB : null
}

/** What the backend computes in on this machine. */
const floatTypeFor = (backend: Backend, { webgpu }: HardwareReport): FloatType => (backend === 'webgpu' && webgpu.shaderF16 ? 'f16' : 'f32')

export async function probeHardware(): Promise<HardwareReport> {
  const [webgpu, storage] = await Promise.all([probeGpu(), probeStorage()])
  const memory = deviceMemoryBytes()
  return {
    webgpu,
    storage,
    crossOriginIsolated: globalThis.crossOriginIsolated,
    cores: navigator.hardwareConcurrency || 1,
    deviceMemoryBytes: memory,
    backends: possibleBackends(webgpu),
    suggestedMemoryBytes: memory === null ? UNKNOWN_MEMORY_BYTES : Math.round(memory * MEMORY_SHARE),
  }
}

/** More threads than this contend for memory more than they compute. */
const MOST_THREADS = 8
/** Threads at most where nobody has chosen: one core stays free for the page and its owner, and only an isolated page has the memory for several. */
export const automaticThreads = ({ cores, crossOriginIsolated }: HardwareReport): number =>
  crossOriginIsolated ? Math.max(1, Math.min(MOST_THREADS, cores - 1)) : 1

/** The backends that may serve a person's choice: the wished one alone where it is possible, else the first that is. */
export function backendsFor({ backends }: HardwareReport, wanted: LendOptions['backend']): readonly Backend[] {
  if (wanted === 'auto') return backends
  return backends.includes(wanted) ? [wanted] : backends.slice(0, 1)
}

/** Formats that any of these backends can hold weights in on this machine, from the most exact to the smallest. */
export function formatsFor(report: HardwareReport, backends: readonly Backend[]): readonly WeightFormat[] {
  const held = new Set(backends.flatMap((backend) => formatsOf(backend, floatTypeFor(backend, report))))
  return weightFormatSchema.options.filter((format) => held.has(format))
}

/**
 * What the device may offer for the wishes of its person, one for each backend that is possible; where threads are left to it also one thread of
 * our kernels: several can be slower on cores that others use.
 */
export const candidatesFrom = (report: HardwareReport, options: LendOptions): readonly Capabilities[] =>
  backendsFor(report, options.backend).flatMap((backend) => {
    const capabilities = capabilitiesOn(backend, report, options)
    const isTried = backend === 'simd' && options.threads === 0 && capabilities.threads > 1
    return isTried ? [capabilities, { ...capabilities, threads: 1 }] : [capabilities]
  })

/** A format that the backend does not hold is left to the placement. */
function capabilitiesOn(backend: Backend, report: HardwareReport, options: LendOptions): Capabilities {
  const formats = formatsFor(report, [backend])
  const insisted = formats.filter((format) => format === options.weightFormat)
  const gpu = report.webgpu.available ? report.webgpu.adapter : report.webgpu.reason
  const chosen = report.crossOriginIsolated ? Math.min(options.threads, report.cores) : 1
  return {
    backend,
    weightFormats: insisted.length > 0 ? insisted : formats,
    floatType: floatTypeFor(backend, report),
    memoryBytes: Math.round(backend === 'webgpu' ? options.memoryBytes : Math.min(options.memoryBytes, WASM_LIMIT_BYTES)),
    threads: options.threads > 0 ? chosen : automaticThreads(report),
    hardware: `${gpu}; ${report.cores} cores`.slice(0, 400),
  }
}

const FORBIDDEN_IN_NAMES = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069<>]/gu

/** A name that the roster accepts, made from whatever a person or a link gave. */
export function displayName(wanted: string): string {
  return wanted.replace(FORBIDDEN_IN_NAMES, '').trim().slice(0, MAX_NAME_CHARS) || 'Unnamed device'
}
