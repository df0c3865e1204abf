/** What a device starts to lend with: found hardware, a link's wishes, and sensible limits. */
import type { Backend } from '../../../protocol/cluster.ts'
import type { HardwareReport, LendOptions } from '../../engine/page-engine.ts'
import { backendsFor, formatsFor, WASM_LIMIT_BYTES } from '../../engine/probe.ts'
import { BACKEND_NAMES } from '../cluster/device-rows.ts'
import type { LendQuery } from './lend-query.ts'
import { listOf } from '../parts/quantities.ts'

const MEGABYTE = 1024 ** 2
const SMALLEST_PLEDGE_BYTES = 64 * MEGABYTE

/** Ends and step of the memory slider, in bytes. */
export function memoryRange(report: HardwareReport): { readonly min: number; readonly max: number; readonly step: number } {
  const told = report.deviceMemoryBytes ?? 2 * report.suggestedMemoryBytes
  const max = report.backends.includes('webgpu') ? told : Math.min(told, WASM_LIMIT_BYTES)
  return { min: SMALLEST_PLEDGE_BYTES, max: Math.max(max, report.suggestedMemoryBytes, SMALLEST_PLEDGE_BYTES), step: SMALLEST_PLEDGE_BYTES }
}

export function firstChoice(report: HardwareReport, query: LendQuery, name: string): LendOptions {
  return {
    name: query.name ?? name,
    backend: query.backend,
    weightFormat: query.weightFormat,
    // A link may ask for less or more than the slider offers; its owner knows the device.
    memoryBytes: query.memoryBytes ?? report.suggestedMemoryBytes,
    threads: query.threads,
  }
}

const namesOf = (backends: readonly Backend[]): string =>
  listOf(
    backends.map((backend) => BACKEND_NAMES[backend]),
    'or',
  )

/** Why a link's wish for a weight format cannot be met; null where it can. */
export function formatNote(report: HardwareReport, query: LendQuery): string | null {
  const backends = backendsFor(report, query.backend)
  const formats = formatsFor(report, backends)
  if (query.weightFormat === 'auto' || formats.includes(query.weightFormat)) return null
  return `${namesOf(backends)} on this device holds weights as ${listOf(formats, 'or')}, not as ${query.weightFormat}; the placement chooses one.`
}

/** What was found, one line a fact: heading, what it is, and whether it is good news. */
export function hardwareFacts(
  report: HardwareReport,
  formatBytes: (bytes: number) => string,
): readonly { readonly label: string; readonly text: string; readonly isGood: boolean }[] {
  const { webgpu, storage } = report
  const gpu = webgpu.available
    ? `${webgpu.adapter}, buffers up to ${formatBytes(webgpu.maxBufferBytes)}, 16-bit floats: ${webgpu.shaderF16 ? 'yes' : 'no'}`
    : `None: ${webgpu.reason}`
  return [
    { label: 'GPU', text: gpu, isGood: webgpu.available },
    { label: 'Processor', text: report.cores === 1 ? '1 core' : `${report.cores} cores`, isGood: true },
    {
      label: 'Threads',
      text: report.crossOriginIsolated ? 'available (the page is isolated)' : 'one only: the page is not isolated from other sites',
      isGood: report.crossOriginIsolated,
    },
    {
      label: 'Memory',
      text:
        report.deviceMemoryBytes === null
          ? 'the browser does not tell'
          : `${formatBytes(report.deviceMemoryBytes)}${report.deviceMemoryBytes >= 8 * 1024 ** 3 ? ' or more' : ''}`,
      isGood: true,
    },
    {
      label: 'Storage',
      text: storage
        ? `${formatBytes(Math.max(0, storage.quotaBytes - storage.usedBytes))} free, ${formatBytes(storage.usedBytes)} used`
        : 'none: weights are downloaded on each visit',
      isGood: storage !== null,
    },
    {
      label: 'Will use',
      text:
        report.backends.length > 1
          ? `the fastest of ${listOf(
              report.backends.map((backend) => BACKEND_NAMES[backend]),
              'and',
            )} that computes right, measured when you join`
          : namesOf(report.backends),
      isGood: true,
    },
  ]
}
