/** What threads do: each takes pieces of the programs that the coordinator names in the frame, and sleeps in between. */
import { FRAME_CODE, FRAME_PASS } from '../../kernels/opcodes.ts'
import { ClusterError } from '../../protocol/errors.ts'

/** A thread of so many over one shared memory, the calling one 0. Cloned into it. */
export type ThreadJob = {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly frame: number
  readonly thread: number
  readonly threads: number
}

/** Runs the program at an address over the frame's rows. */
export type RunProgram = (code: number) => void

/** What the module gives: `kernels/assembly/index.ts` says what they do. */
export type Kernels = {
  /** The program at an address, by one thread. */
  readonly run: (frame: number, code: number) => void
  readonly openPass: (frame: number) => void
  readonly take: (frame: number, thread: number, threads: number) => void
}
type Exported = (...numbers: number[]) => void
const isExported = (value: unknown): value is Exported => typeof value === 'function'

/** Rows as held, from floats, within a shard's memory; `kernels/assembly/hold.ts` says what its arguments are. */
export type HoldKernel = (
  held: number,
  stored: number,
  x: number,
  rows: number,
  columns: number,
  out: number,
  scales: number,
  matrixRows: number,
  firstRow: number,
  space: number,
) => void

function functionOf(instance: WebAssembly.Instance, name: string): Exported {
  const found = instance.exports[name]
  if (isExported(found)) return found
  throw new ClusterError('unsupported_backend', `the module of kernels has no function ${name}`)
}

function instanceOver(module: WebAssembly.Module, memory: WebAssembly.Memory): WebAssembly.Instance {
  const words = new Int32Array(memory.buffer)
  /** Called in shared memory only, for words that no growing moves. */
  const sleep = (address: number, value: number): void => void Atomics.wait(words, address >>> 2, value)
  return new WebAssembly.Instance(module, { env: { memory, sleep } })
}

/** `hold` of the module over a memory. @throws {ClusterError} unsupported_backend */
export const instantiateHold = (module: WebAssembly.Module, memory: WebAssembly.Memory): HoldKernel =>
  functionOf(instanceOver(module, memory), 'hold')

/** The module over a memory. @throws {ClusterError} unsupported_backend */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  const instance = instanceOver(module, memory)
  return { run: functionOf(instance, 'run'), openPass: functionOf(instance, 'openPass'), take: functionOf(instance, 'take') }
}

/** Looks before a thread sleeps: a pass's programs follow within microseconds, and waking takes tens of them. */
const SPINS = 20_000

function awaitPass(words: Int32Array, pass: number, seen: number): void {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(words, pass) !== seen) return
  Atomics.wait(words, pass, seen)
}

/** Blocks its thread until the memory is given up. @param onReady called once the thread will see every program */
export function servePasses({ module, memory, frame, thread, threads }: ThreadJob, onReady: () => void): void {
  const { take } = instantiate(module, memory)
  const words = new Int32Array(memory.buffer)
  const [pass, code] = [frame / 4 + FRAME_PASS, frame / 4 + FRAME_CODE]
  let seen = Atomics.load(words, pass)
  onReady()
  for (;;) {
    awaitPass(words, pass, seen)
    // Noted before the program is read: of a pass that comes in between, the thread is called once more.
    seen = Atomics.load(words, pass)
    if (Atomics.load(words, code) === 0) return
    take(frame, thread, threads)
  }
}

/** Names a program to the threads that serve a memory; 0 ends them. */
export function callThreads({ openPass }: Kernels, words: Int32Array, frame: number, address: number): void {
  Atomics.store(words, frame / 4 + FRAME_CODE, address)
  openPass(frame)
  Atomics.notify(words, frame / 4 + FRAME_PASS)
}
