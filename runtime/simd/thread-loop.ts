/** What threads do: each runs its part of the programs that the coordinator names in the frame, and sleeps in between. */
import { FRAME_CODE, FRAME_GO } from '../../kernels/opcodes.ts'
import { ClusterError } from '../../protocol/errors.ts'

/** A thread's part of the programs over one shared memory. Cloned into it. */
export type ThreadJob = {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly frame: number
  readonly part: number
  readonly parts: number
}

/** Runs the program at an address over the frame's rows. */
export type RunProgram = (code: number) => void

export type RunPart = (frame: number, code: number, part: number, parts: number) => void
const isRun = (value: unknown): value is RunPart => typeof value === 'function'

/** Rows as held, from floats, within a shard's memory; `kernels/assembly/hold.ts` says what its arguments are. */
export type HoldKernel = (
  held: number,
  stored: number,
  x: number,
  rows: number,
  columns: number,
  out: number,
  rowBytes: number,
  scales: number,
  scaleBytes: number,
  firstRow: number,
  space: number,
) => void
const isHold = (value: unknown): value is HoldKernel => typeof value === 'function'

/** `hold` of the module over a memory. @throws {ClusterError} unsupported_backend */
export function instantiateHold(module: WebAssembly.Module, memory: WebAssembly.Memory): HoldKernel {
  const { hold } = new WebAssembly.Instance(module, { env: { memory } }).exports
  if (isHold(hold)) return hold
  throw new ClusterError('unsupported_backend', 'the module of kernels has no function hold')
}

/** `run` of the module over a memory. @throws {ClusterError} unsupported_backend */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): RunPart {
  const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports
  if (isRun(run)) return run
  throw new ClusterError('unsupported_backend', 'the module of kernels has no function run')
}

/** Looks before a thread sleeps: a pass's programs follow within microseconds, and waking takes tens of them. */
const SPINS = 20_000

function awaitCall(words: Int32Array, go: number, seen: number): void {
  for (let spin = 0; spin < SPINS; spin++) if (Atomics.load(words, go) !== seen) return
  Atomics.wait(words, go, seen)
}

/** Blocks its thread until the memory is given up. @param onReady called once the thread will see every program */
export function serveParts({ module, memory, frame, part, parts }: ThreadJob, onReady: () => void): void {
  const run = instantiate(module, memory)
  const words = new Int32Array(memory.buffer)
  const [go, code] = [frame / 4 + FRAME_GO, frame / 4 + FRAME_CODE]
  let seen = Atomics.load(words, go)
  onReady()
  for (;;) {
    awaitCall(words, go, seen)
    seen = Atomics.load(words, go)
    const address = Atomics.load(words, code)
    if (address === 0) return
    run(frame, address, part, parts)
  }
}

/** Names a program to the threads that serve a memory; 0 ends them. */
export function callThreads(words: Int32Array, frame: number, address: number): void {
  Atomics.store(words, frame / 4 + FRAME_CODE, address)
  Atomics.add(words, frame / 4 + FRAME_GO, 1)
  Atomics.notify(words, frame / 4 + FRAME_GO)
}
