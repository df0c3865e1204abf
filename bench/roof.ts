/** What one thread of this machine reaches with plain loops: the roof over the kernels. */

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
const WARM_UP_MS = 100
const CACHED_BYTES = 4096
const ROUNDS = 4000

/**
 * Units per second of the fastest of a few runs: a roof is what can be reached. Pages import this file, so it knows nothing of Node.
 * @param warmUp a small part of it, which runs until the engine has had the time to compile it well
 */
async function rate(units: number, warmUp: () => unknown, run: () => unknown): Promise<number> {
  const warm = performance.now() + WARM_UP_MS
  while (performance.now() < warm) {
    warmUp()
    await Promise.resolve()
  }
  const times = Array.from({ length: TIMES }, () => {
    const started = performance.now()
    run()
    return performance.now() - started
  })
  return (1000 * units) / Math.min(...times)
}

/** @param module roof.wasm @param bytes of the memory, which is read and half of it overwritten */
export async function roofOf(module: WebAssembly.Module, bytes: number): Promise<Roof> {
  const pages = Math.ceil(bytes / 65_536)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65_536 })
  new Uint32Array(memory.buffer).fill(0x3c003c00)
  const { readAll, copyAll, dotIntegers, dotFloats } = new WebAssembly.Instance(module, { env: { memory } }).exports as RoofExports
  const half = 64 * Math.floor(bytes / 128)
  const dots = (dot: RoofExports['dotIntegers'], rounds: number) => () => dot(0, CACHED_BYTES, CACHED_BYTES, rounds)
  return {
    readBytes: await rate(2 * half, () => readAll(0, CACHED_BYTES), () => readAll(0, 2 * half)), // prettier-ignore
    copyBytes: await rate(half, () => copyAll(half, 0, CACHED_BYTES), () => copyAll(half, 0, half)), // prettier-ignore
    integerProducts: await rate((CACHED_BYTES / 2) * ROUNDS, dots(dotIntegers, 1), dots(dotIntegers, ROUNDS)),
    floatProducts: await rate((CACHED_BYTES / 4) * ROUNDS, dots(dotFloats, 1), dots(dotFloats, ROUNDS)),
  }
}
