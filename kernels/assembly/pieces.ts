// Threads take what a pass has to do in pieces, numbered from 1 through the pass, stretch by stretch (`core/simd/stretches.ts`): a piece is a part of
// all instructions of its stretch. A stretch begins when all pieces of the one before are done. So a thread waits for pieces that another one has
// begun, and never for a thread: one that wakes late, waits for its CPU or is slower takes fewer pieces, and a pass ends without it if need be.
//
// Two counters, each with the number of the pass in its upper half. `claimed`: the next piece to be had, by compare-and-exchange; 0 while the pass is
// closed. `done`: 1 more than pieces are finished. Why a late thread can do no harm:
// - All that a pass reads from the frame is written before its number appears in `claimed` (openPass). The calling thread closes it when all pieces
//   are done (closePass), and only then may the frame be written again. A number is opened once.
// - A thread notes the number first and reads the frame after. By then the frame may be written for the next pass, and what was read be anything; but
//   without a claim nothing is touched. To claim or to wait takes that `claimed` is seen open under the noted number after the frame was read: then
//   nobody has written there in between, and what was read is right. The exchange fails if the pass was closed since.
// - Who reads the frame rightly finds no piece beyond the last one.
// - Who has a claim keeps its stretch, and so the pass, from ending until it has raised `done`: neither the frame nor a buffer that a later stretch
//   writes changes under it.
// - A thread that waits sees `done` grow to what it waits for, or a later number in it: passes end without it, but not without their pieces.
// Numbers come again after 2^32 passes. A thread that has slept through so many in one place is not thought of.
import { FRAME_CLAIMED, FRAME_DONE, FRAME_SLEEPERS } from '../opcodes'

// Waits while the word at `address` is `value`, as Atomics.wait does. Not `memory.atomic.wait64`: compiled by V8's first tier (Liftoff; Node 20), a
// function that goes on behind it finds other values in its variables. Can be an instruction again when no supported engine does that.
// @ts-ignore: decorator
@external("env", "sleep")
declare function sleep(address: usize, value: u32): void

// Looks for about 50 microseconds, which is what waking takes: a thread that sleeps lets its CPU sleep as well, and is late for more than one stretch.
const SPINS: u32 = 50000
const COUNT: i64 = 0xffffffff
const ONE_PASS: i64 = COUNT + 1

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
  return !((counter ^ pass) & ~COUNT)
}
// @ts-ignore: decorator
@inline
function isOpen(claimed: i64, pass: i64): bool {
  return isOf(claimed, pass) && <u32>claimed != 0
}

// What the counters of the present pass begin with: its number, and no piece.
export function presentPass(frame: usize): i64 {
  return atomic.load<i64>(claimedAt(frame)) & ~COUNT
}

// Begins a pass of what the frame says.
export function openPass(frame: usize): void {
  const first = presentPass(frame) + ONE_PASS + 1
  atomic.store<i64>(doneAt(frame), first)
  atomic.store<i64>(claimedAt(frame), first)
}

// Waits until all pieces before `piece` are done. False when the pass is over.
function awaitPiecesBefore(frame: usize, pass: i64, piece: u32): bool {
  const at = doneAt(frame)
  const goal = pass + <i64>piece
  for (let spin: u32 = 0; spin < SPINS; spin++) {
    const now = atomic.load<i64>(at)
    if (!isOf(now, pass)) return false
    if (now >= goal) return true
  }
  atomic.add<u32>(sleepersAt(frame), 1)
  let now = atomic.load<i64>(at)
  while (isOf(now, pass) && now < goal) {
    sleep(at, <u32>now)
    now = atomic.load<i64>(at)
  }
  atomic.sub<u32>(sleepersAt(frame), 1)
  return isOf(now, pass)
}

// The piece of the stretch [first, end) that is the thread's from now on; `end` when none is left, 0 when the pass is over.
export function claim(frame: usize, pass: i64, first: u32, end: u32): u32 {
  const at = claimedAt(frame)
  let claimed = atomic.load<i64>(at)
  while (isOpen(claimed, pass) && <u32>claimed < end) {
    if (!awaitPiecesBefore(frame, pass, first)) return 0
    const seen = atomic.cmpxchg<i64>(at, claimed, claimed + 1)
    if (seen == claimed) return <u32>claimed
    claimed = seen
  }
  return isOpen(claimed, pass) ? end : 0
}

// A claimed piece of a stretch that ends before `end` is done. Who sleeps waits for the end of a stretch, and has said so before it looked at `done`
// for the last time: either it saw this piece, or it is seen here.
export function finishPiece(frame: usize, end: u32): void {
  const done = atomic.add<i64>(doneAt(frame), 1) + 1
  if (<u32>done == end && atomic.load<u32>(sleepersAt(frame))) atomic.notify(doneAt(frame), -1)
}

// For the calling thread, which has found nothing more to claim: returns when all pieces before `end` are done.
export function closePass(frame: usize, pass: i64, end: u32): void {
  awaitPiecesBefore(frame, pass, end)
  atomic.store<i64>(claimedAt(frame), pass)
}
