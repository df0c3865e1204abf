/** Passes of sums in place of kernels, over the counters of `kernels/assembly/pieces.ts`. A stretch sums up what the one before has left. */
import { seededRandom } from './simd-call.ts'

export type PausedJob = { readonly module: WebAssembly.Module; readonly memory: WebAssembly.Memory; readonly thread: number }

/** Where the plan of a pass lies, in words: its stretches, a seed, 1 when no pass will follow; then how many pieces each stretch has. */
const FRAME = 4096
const PLAN = 2048
const HEAD = 3
export const MOST_STRETCHES = 12
export const MOST_PIECES = 9
/** Stretches write in turns into two places of so many words. */
const PLACES = 4096

export type Pieces = {
  readonly presentPass: (frame: number) => bigint
  readonly openPass: (frame: number) => void
  readonly claim: (frame: number, pass: bigint, first: number, end: number) => number
  readonly finishPiece: (frame: number, end: number) => void
  readonly closePass: (frame: number, pass: bigint, end: number) => void
}

export type Plan = { readonly pieces: readonly number[]; readonly seed: number; readonly isLast: boolean }

const mixed = (seed: number, sum: number, piece: number): number => Math.imul((seed ^ sum) + piece * 40_503, 2_654_435_761 | 0) | 0

/** What the last stretch of a plan leaves. */
export function resultOf({ pieces, seed }: Plan): readonly number[] {
  let left: number[] = [seed]
  for (const count of pieces) {
    const sum = left.reduce((total, value) => (total + value) | 0, 0)
    left = Array.from({ length: count }, (_, piece) => mixed(seed, sum, piece))
  }
  return left
}

const placeOf = (stretch: number): number => PLACES + (stretch % 2) * MOST_PIECES

export function pausedPieces({ module, memory, thread }: PausedJob): {
  readonly write: (plan: Plan) => void
  readonly call: () => void
  readonly take: () => void
  readonly hasEnded: () => boolean
  readonly result: (plan: Plan) => readonly number[]
} {
  const words = new Int32Array(memory.buffer)
  const sleep = (address: number, value: number): void => void Atomics.wait(words, address / 4, value)
  const pieces = new WebAssembly.Instance(module, { env: { memory, sleep } }).exports as unknown as Pieces
  const random = seededRandom(thread)
  const nobody = new Int32Array(new SharedArrayBuffer(4))

  function pause(): void {
    const way = random()
    if (way < 0.01) Atomics.wait(nobody, 0, 0, 0.6 * random())
    else if (way < 0.3) for (let spins = 2000 * random(); spins > 0; spins--) Atomics.load(nobody, 0)
  }

  function runPiece(stretch: number, before: number, piece: number): void {
    const seed = words[PLAN + 1] ?? 0
    let sum = stretch === 0 ? seed : 0
    for (let i = 0; i < before; i++) sum = (sum + (words[placeOf(stretch - 1) + i] ?? 0)) | 0
    pause()
    words[placeOf(stretch) + piece] = mixed(seed, sum, piece)
  }

  return {
    write: ({ pieces: counts, seed, isLast }) => words.set([counts.length, seed, isLast ? 1 : 0, ...counts], PLAN),
    call: () => pieces.openPass(FRAME),
    take: () => {
      const pass = pieces.presentPass(FRAME)
      pause()
      const stretches = words[PLAN] ?? 0
      let [first, before] = [1, 0]
      for (let stretch = 0; stretch < stretches; stretch++) {
        const count = words[PLAN + HEAD + stretch] ?? 0
        const end = first + count
        for (;;) {
          pause()
          const piece = pieces.claim(FRAME, pass, first, end)
          if (piece === 0) return
          if (piece === end) break
          pause()
          runPiece(stretch, before, piece - first)
          pause()
          pieces.finishPiece(FRAME, end)
        }
        ;[first, before] = [end, count]
      }
      if (thread === 0) pieces.closePass(FRAME, pass, first)
    },
    hasEnded: () => words[PLAN + 2] === 1,
    result: ({ pieces: counts }) => {
      const at = placeOf(counts.length - 1)
      return [...words.subarray(at, at + (counts.at(-1) ?? 0))]
    },
  }
}

/** Comes when it likes, called or not. */
export function runPaused(job: PausedJob): void {
  const { take, hasEnded } = pausedPieces(job)
  while (!hasEnded()) take()
}
