/** The one memory of a shard: frame, weights, code and scratch at fixed places, then the caches of its sequences. */
import { ClusterError } from '../../protocol/errors.ts'

const PAGE_BYTES = 65_536
/** Largest memory that 32-bit addresses reach. */
const MAX_PAGES = 65_536
/** Below it lies what the compiler of the kernels keeps for itself. */
const FIRST_ADDRESS = 4096
const ALIGNMENT = 64

export type SimdMemory = {
  readonly memory: WebAssembly.Memory
  /** A place for ever. Aligned to 64 bytes. @throws {ClusterError} not_enough_memory */
  readonly reserve: (bytes: number) => number
  /** A place until `free`. @throws {ClusterError} not_enough_memory */
  readonly allocate: (bytes: number) => number
  readonly free: (address: number) => void
  /** Current views: a growing memory detaches older ones. */
  readonly bytes: () => Uint8Array
  readonly floats: () => Float32Array
  readonly words: () => Uint32Array
}

const up = (bytes: number): number => ALIGNMENT * Math.ceil(bytes / ALIGNMENT)
const pagesFor = (bytes: number): number => Math.ceil(bytes / PAGE_BYTES)

function outOfMemory(bytes: number, cause?: unknown): ClusterError {
  return new ClusterError('not_enough_memory', `the device has no room for another ${Math.ceil(bytes / 2 ** 20)} MiB of layers or caches`, { cause })
}

function open(pages: number, maximum: number, isShared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum, ...(isShared ? { shared: true } : {}) })
  } catch (cause) {
    throw outOfMemory(pages * PAGE_BYTES, cause)
  }
}

export type MemoryOptions = {
  /** Asked of the system at once. */
  readonly expectedBytes: number
  /** More is never given. */
  readonly maxBytes: number
  readonly isShared: boolean
}

/** @throws {ClusterError} not_enough_memory */
export function createSimdMemory({ expectedBytes, maxBytes, isShared }: MemoryOptions): SimdMemory {
  const pages = pagesFor(expectedBytes + FIRST_ADDRESS)
  const maximum = Math.min(pagesFor(maxBytes), MAX_PAGES)
  if (pages > maximum) throw outOfMemory(expectedBytes)
  const memory = open(pages, maximum, isShared)
  let end = FIRST_ADDRESS
  const taken = new Map<number, number>()
  /** Freed places below `end`, by address, none touching another. */
  let gaps: { readonly start: number; readonly bytes: number }[] = []
  let views = viewsOf(memory)
  const current = (): typeof views => (views.buffer === memory.buffer ? views : (views = viewsOf(memory)))

  function reserve(bytes: number): number {
    const start = end
    const missing = pagesFor(start + up(bytes)) - memory.buffer.byteLength / PAGE_BYTES
    if (missing > 0) {
      try {
        memory.grow(missing)
      } catch (cause) {
        throw outOfMemory(bytes, cause)
      }
    }
    end = start + up(bytes)
    return start
  }

  function allocate(bytes: number): number {
    const size = up(bytes)
    const gap = gaps.find((one) => one.bytes >= size)
    const start = gap?.start ?? reserve(size)
    if (gap) gaps = gaps.flatMap((one) => (one !== gap ? [one] : gap.bytes > size ? [{ start: gap.start + size, bytes: gap.bytes - size }] : []))
    taken.set(start, size)
    return start
  }

  function free(address: number): void {
    const bytes = taken.get(address)
    if (bytes === undefined) return
    taken.delete(address)
    const sorted = [...gaps, { start: address, bytes }].sort((a, b) => a.start - b.start)
    gaps = []
    for (const one of sorted) {
      const last = gaps.at(-1)
      if (last && last.start + last.bytes === one.start) gaps[gaps.length - 1] = { start: last.start, bytes: last.bytes + one.bytes }
      else gaps.push(one)
    }
    const last = gaps.at(-1)
    if (last && last.start + last.bytes === end) {
      end = last.start
      gaps.pop()
    }
  }

  return { memory, reserve, allocate, free, bytes: () => current().bytes, floats: () => current().floats, words: () => current().words }
}

const viewsOf = ({ buffer }: WebAssembly.Memory) => ({
  buffer,
  bytes: new Uint8Array(buffer),
  floats: new Float32Array(buffer),
  words: new Uint32Array(buffer),
})
