/** What one thread of this machine reaches with plain loops: the roof over the kernels. */
import { readFile } from 'node:fs/promises'
import { median } from './report.ts'

export type Roof = {
  /** Bytes per second of one pass over memory that no cache holds. */
  readonly readBytes: number
  /** Bytes per second that a plain copy of it moves, each counted once. */
  readonly copyBytes: number
  /** Multiply-adds per second out of the first cache: integers of 16 bits, and floats. */
  readonly integerProducts: number
  readonly floatProducts: number
}

type RoofExports = {
  readonly readAll: (at: number, bytes: number) => number
  readonly copyAll: (to: number, from: number, bytes: number) => void
  readonly dotIntegers: (a: number, b: number, bytes: number, rounds: number) => number
  readonly dotFloats: (a: number, b: number, bytes: number, rounds: number) => number
}

const TIMES = 7
const CACHED_BYTES = 4096
const ROUNDS = 4000

/** Units per second, the median of a few runs. */
function rate(units: number, run: () => unknown): number {
  run()
  const times = Array.from({ length: TIMES }, () => {
    const started = performance.now()
    run()
    return performance.now() - started
  })
  return (1000 * units) / median(times)
}

/** @param bytes of the memory, which is read and half of it overwritten */
export async function measureRoof(bytes: number): Promise<Roof> {
  const pages = Math.ceil(bytes / 65_536)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65_536 })
  new Uint32Array(memory.buffer).fill(0x3c003c00)
  const module = await WebAssembly.compile(new Uint8Array(await readFile(new URL('../dist/kernels/roof.wasm', import.meta.url))))
  const { readAll, copyAll, dotIntegers, dotFloats } = new WebAssembly.Instance(module, { env: { memory } }).exports as RoofExports
  const half = 64 * Math.floor(bytes / 128)
  return {
    readBytes: rate(2 * half, () => readAll(0, 2 * half)),
    copyBytes: rate(half, () => copyAll(half, 0, half)),
    integerProducts: rate((CACHED_BYTES / 2) * ROUNDS, () => dotIntegers(0, CACHED_BYTES, CACHED_BYTES, ROUNDS)),
    floatProducts: rate((CACHED_BYTES / 4) * ROUNDS, () => dotFloats(0, CACHED_BYTES, CACHED_BYTES, ROUNDS)),
  }
}
