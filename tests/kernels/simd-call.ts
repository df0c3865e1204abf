/** Calls single kernels over a memory whose every buffer lies unaligned between guards that nothing may touch. */
import { readFileSync } from 'node:fs'
import { FRAME_ROW_TABLE, FRAME_ROWS, ROW_BYTES } from '../../kernels/opcodes.ts'
import { OPERATIONS, type OperationName, type WordName } from '../../kernels/operations.ts'
import { instantiate } from '../../runtime/simd/thread-loop.ts'

const MEMORY_BYTES = 8 * 1024 * 1024
const FRAME = 4096
const CODE = 8192
const FIRST_BUFFER = 16_384
const GUARD_BYTES = 48
const GUARD = 0xa5

export type Row = { readonly cache: number; readonly capacity: number; readonly position: number }
export type Random = () => number

export type KernelModule = 'kernels' | 'kernels-relaxed'

export type KernelCaller = {
  /** Whether activations of nibbles have 8 bits and a scale a block. */
  readonly isRelaxed: boolean
  /** Forgets all buffers. */
  readonly reset: () => void
  /** A buffer of so many bytes, 4-byte aligned and no more, with guards at both ends. */
  readonly buffer: (bytes: number) => number
  readonly floats: (values: ArrayLike<number>) => number
  readonly bytes: (values: Uint8Array) => number
  readonly call: <Name extends OperationName>(operation: Name, words: Record<WordName<Name>, number>, rows: readonly Row[]) => void
  readonly readFloats: (address: number, count: number) => Float32Array
  readonly readWords: (address: number, count: number) => Uint32Array
  /** Whether nothing outside of the buffers was written. */
  readonly guardsHold: () => boolean
}

export const rowsWithoutCache = (count: number): readonly Row[] => Array.from({ length: count }, () => ({ cache: 0, capacity: 0, position: 0 }))

/** mulberry32. */
export function seededRandom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)
const floatBits = (value: number): number => {
  float[0] = value
  return bits[0] ?? 0
}

export type CallerOptions = {
  readonly module: KernelModule
  /** Where buffers begin, so that addresses beyond 2 GiB can be tried too. */
  readonly first?: number
}

export function createCaller(random: Random, { module: name, first = FIRST_BUFFER }: CallerOptions): KernelCaller {
  const memory = new WebAssembly.Memory({ initial: Math.ceil((first + MEMORY_BYTES) / 65_536), maximum: 65_536 })
  const module = new WebAssembly.Module(readFileSync(new URL(`../../dist/kernels/${name}.wasm`, import.meta.url)))
  const { run } = instantiate(module, memory)
  const [all, words] = [new Uint8Array(memory.buffer), new Uint32Array(memory.buffer)]
  let end = first
  let guards: [number, number][] = []

  function buffer(bytes: number): number {
    const start = end + GUARD_BYTES + 4 * Math.floor(4 * random())
    const last = start + bytes
    all.fill(GUARD, end, start)
    all.fill(GUARD, last, last + GUARD_BYTES)
    guards.push([end, start], [last, last + GUARD_BYTES])
    end = 4 * Math.ceil((last + GUARD_BYTES) / 4)
    if (end > first + MEMORY_BYTES) throw new Error('the call is larger than the memory of the test')
    return start
  }

  function put(values: Uint8Array): number {
    const address = buffer(values.length)
    all.set(values, address)
    return address
  }

  return {
    isRelaxed: name === 'kernels-relaxed',
    reset: () => {
      end = first
      guards = []
    },
    buffer,
    bytes: put,
    floats: (values) => put(new Uint8Array(Float32Array.from(values).buffer)),
    call: (operation, values, rows) => {
      words[FRAME / 4 + FRAME_ROWS] = rows.length
      for (const [i, { cache, capacity, position }] of rows.entries())
        words.set([cache, capacity, position, 0], (FRAME + FRAME_ROW_TABLE + i * ROW_BYTES) / 4)
      const types = Object.entries(OPERATIONS[operation].words)
      const named: Readonly<Record<string, number>> = values
      const operands = types.map(([name, type]) => (type === 'float' ? floatBits(named[name] ?? 0) : (named[name] ?? 0)))
      words.set([OPERATIONS[operation].code, 4 * (2 + types.length), ...operands, 0], CODE / 4)
      run(FRAME, CODE)
    },
    readFloats: (address, count) => new Float32Array(memory.buffer.slice(address, address + 4 * count)),
    readWords: (address, count) => new Uint32Array(memory.buffer.slice(address, address + 4 * count)),
    guardsHold: () => guards.every(([from, to]) => all.subarray(from, to).every((byte) => byte === GUARD)),
  }
}
