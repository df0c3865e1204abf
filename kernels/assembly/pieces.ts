// Threads take what a pass has to do in pieces. Pieces are numbered through the pass, stretch by stretch (`core/simd/stretches.ts`): a piece is
// part `i` of `n` of all instructions of a stretch. Those of one stretch may run beside each other; a stretch begins when all pieces of the one
// before are done. So a thread waits for pieces that another one has begun, and never for a thread: one that wakes late, waits for its CPU or is
// slower takes fewer pieces, and a pass ends without it if need be.
//
// Two counters, each with the number of the pass in its upper half. `claimed`: the next piece; who raises it by compare-and-exchange has that
// piece. `done`: how many pieces are finished. Why a late thread can do no harm:
// - All that a pass reads from the frame is written before its number appears in `claimed` (openPass), and stays until it is closed (finish).
// - The calling thread closes it when all pieces are done: `claimed` is then CLOSED, which no piece is. Only then may the frame be written again.
// - A thread notes the number first and reads the frame after. It may have read a frame that is being written for the next pass, and gone astray by
//   it; but it touches nothing without a claim. A claim needs `claimed` to be open, of the noted number, before and at the exchange: then no frame
//   was written in between, what it read was right, and what is right names no piece beyond the last.
// - Who has a claim keeps the pass open, and its stretch from ending, until it has raised `done`. So neither buffers that a later stretch writes nor
//   the frame change under it.
// - Numbers come back after 2^32 passes: a thread that slept through all of them while it held neither a claim nor a number sees but the last.
import { FRAME_CLAIMED, FRAME_DONE, FRAME_SLEEPERS } from '../opcodes'

const CLOSED: i64 = 0xffffffff
// Meant to be a few times what waking a thread takes: one that sleeps lets its CPU sleep, which takes longest to wake.
const SPINS: u32 = 100000

// @ts-ignore: decorator
@inline
function claimedAt(frame: usize): usize {
  return frame + (FRAME_CLAIMED << 2)
}
// @ts-ignore: decorator
@inline
function doneAt(frame: usize): usize {
  return frame + (FRAME_DONE << 2)
}
// @ts-ignore: decorator
@inline
function sleepersAt(frame: usize): usize {
  return frame + (FRAME_SLEEPERS << 2)
}

// @ts-ignore: decorator
@inline
function isOf(counter: i64, pass: i64): bool {
  return !((counter ^ pass) & ~CLOSED)
}
// @ts-ignore: decorator
@inline
function isOpen(claimed: i64, pass: i64): bool {
  return isOf(claimed, pass) && <u32>claimed != <u32>CLOSED
}

// The number of the present pass, with no piece: what its counters begin at.
// @ts-ignore: decorator
@inline
export function presentPass(frame: usize): i64 {
  return atomic.load<i64>(claimedAt(frame)) & ~CLOSED
}

// Begins the next pass of what the frame says.
export function openPass(frame: usize): void {
  const pass = presentPass(frame) + CLOSED + 1
  atomic.store<i64>(doneAt(frame), pass)
  atomic.store<i64>(claimedAt(frame), pass)
}

// Waits until `count` pieces of a pass are done. False when the pass is over.
export function awaitPieces(frame: usize, pass: i64, count: u32): bool {
  const at = doneAt(frame)
  const goal = pass + <i64>count
  for (let spin: u32 = 0; spin < SPINS; spin++) {
    const now = atomic.load<i64>(at)
    if (!isOf(now, pass)) return false
    if (now >= goal) return true
  }
  atomic.add<u32>(sleepersAt(frame), 1)
  let now = atomic.load<i64>(at)
  while (isOf(now, pass) && now < goal) {
    atomic.wait<i64>(at, now, -1)
    now = atomic.load<i64>(at)
  }
  atomic.sub<u32>(sleepersAt(frame), 1)
  return isOf(now, pass)
}

// The piece of [first, last) that is the thread's from now on; `last` when none is left, CLOSED when the pass is over.
export function claim(frame: usize, pass: i64, first: u32, last: u32): u32 {
  const at = claimedAt(frame)
  let claimed = atomic.load<i64>(at)
  while (isOpen(claimed, pass) && <u32>claimed < last) {
    if (!awaitPieces(frame, pass, first)) return <u32>CLOSED
    const seen = atomic.cmpxchg<i64>(at, claimed, claimed + 1)
    if (seen == claimed) return <u32>claimed
    claimed = seen
  }
  return isOpen(claimed, pass) ? last : <u32>CLOSED
}

// @ts-ignore: decorator
@inline
export function isOver(piece: u32): bool {
  return piece == <u32>CLOSED
}

// A claimed piece is done; `last`: the end of its stretch. A thread that sleeps waits for the end of one. It has said so before it looked at `done`
// for the last time: either it saw this piece, or it is seen here.
export function finishPiece(frame: usize, last: u32): void {
  const done = atomic.add<i64>(doneAt(frame), 1) + 1
  if (<u32>done == last && atomic.load<u32>(sleepersAt(frame))) atomic.notify(doneAt(frame), -1)
}

// For the calling thread, which has found nothing more to claim of `count` pieces: returns when all are done.
export function closePass(frame: usize, pass: i64, count: u32): void {
  awaitPieces(frame, pass, count)
  atomic.store<i64>(claimedAt(frame), pass | CLOSED)
}
