/** What a join link may ask for: `/contribute?auto=1&name=…&backend=…&threads=…&memory=…&weights=…`. */
import { backendSchema, displayNameSchema, weightFormatSchema, type Backend, type WeightFormat } from '../../../protocol/cluster.ts'

const MEGABYTE = 1024 ** 2

export type LendQuery = {
  /** Join without a click. */
  readonly auto: boolean
  readonly name: string | null
  readonly backend: Backend | 'auto'
  readonly weightFormat: WeightFormat | 'auto'
  /** 0 = choose by the number of cores. */
  readonly threads: number
  readonly memoryBytes: number | null
  /** What in the link was not understood, for people. */
  readonly problems: readonly string[]
}

/** A whole number of at least 1 and at most `max`, or null. */
function wholeNumber(text: string, max: number): number | null {
  const value = Number(text)
  return /^\d+$/.test(text) && value >= 1 && value <= max ? value : null
}

/** Reads a join link's query. A value that makes no sense is left out and named in `problems`, so that the rest of the link still works. */
export function parseLendQuery(search: string): LendQuery {
  const params = new URLSearchParams(search)
  const problems: string[] = []
  const read = <T>(key: string, parse: (text: string) => T | null, expected: string): T | null => {
    const text = params.get(key)
    if (text === null || text === '') return null
    const value = parse(text)
    if (value === null) problems.push(`The link's ${key} is not ${expected}, so it is left out.`)
    return value
  }
  const backend = read('backend', (text) => (text === 'auto' ? 'auto' : (backendSchema.safeParse(text).data ?? null)), 'webgpu, simd, wasm or auto')
  const weights = read(
    'weights',
    (text) => (text === 'auto' ? 'auto' : (weightFormatSchema.safeParse(text).data ?? null)),
    'f32, f16, int8, int4 or auto',
  )
  const memory = read('memory', (text) => wholeNumber(text, 2 ** 24), 'a number of megabytes')
  return {
    auto: ['1', 'true', 'yes'].includes(params.get('auto') ?? ''),
    name: read('name', (text) => displayNameSchema.safeParse(text.trim()).data ?? null, 'a plain name of at most 64 characters'),
    backend: backend ?? 'auto',
    weightFormat: weights ?? 'auto',
    threads: read('threads', (text) => wholeNumber(text, 256), 'a number from 1 to 256') ?? 0,
    memoryBytes: memory === null ? null : memory * MEGABYTE,
    problems,
  }
}
