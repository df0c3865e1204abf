// Runs a program: instructions of a head word (operation and flags), the bytes to the next one, and the operation's words.
import * as op from '../opcodes'
import { attend } from './attention'
import { convolve, keep, rotate } from './cache'
import { activate, add, map } from './elementwise'
import { combine, route } from './experts'
import { frameRows } from './memory'
import { norm } from './norm'
import { claim, closePass, finishPiece, presentPass } from './pieces'
import { expertProduct, product } from './product'
import { quantize } from './quantize'
import { mergeShortlists, shortlist } from './shortlist'
import { piecesOf } from './work'

// Part `part` of `parts` of an instruction, by thread `thread`. `xRow`, `yRow`: the rows where x and y begin.
function step(frame: usize, code: u32, args: usize, part: u32, parts: u32, xRow: u32, yRow: u32, thread: u32, threads: u32): void {
  switch (code) {
    case op.NORM:
      return norm(frame, args, part, parts, xRow, yRow)
    case op.QUANTIZE:
      return quantize(frame, args, part, parts, xRow, yRow)
    case op.PRODUCT:
      return product(frame, args, part, parts, xRow)
    case op.EXPERT_PRODUCT:
      return expertProduct(frame, args, part, parts)
    case op.MAP:
      return map(frame, args, part, parts)
    case op.ADD:
      return add(frame, args, part, parts)
    case op.ACTIVATE:
      return activate(frame, args, part, parts)
    case op.ROTATE:
      return rotate(frame, args, part, parts)
    case op.STORE:
      return keep(frame, args, part, parts)
    case op.ATTEND:
      return attend(frame, args, part, parts, thread)
    case op.ROUTE:
      return route(frame, args, part, parts)
    case op.COMBINE:
      return combine(frame, args, part, parts)
    case op.CONVOLVE:
      return convolve(frame, args, part, parts)
    case op.SHORTLIST:
      return shortlist(frame, args, part, parts)
    case op.MERGE_SHORTLIST:
      return mergeShortlists(args, part, threads)
  }
}

export { hold } from './hold'

// The program at `at` by one thread. `frame`: rows of this pass.
export function run(frame: usize, at: usize): void {
  let head = load<u32>(at)
  while (head & 255) {
    step(frame, head & 255, at + 8, 0, 1, 0, 0, 0, 1)
    at += load<u32>(at, 4)
    head = load<u32>(at)
  }
}

// The end of the stretch that begins at `at`; `flag`: what its instructions have, except for the last one.
function stretchEnd(at: usize, flag: u32): usize {
  while (load<u32>(at) & flag) at += load<u32>(at, 4)
  return at + load<u32>(at, 4)
}

// `isFirst`: of this stretch for this thread, which then does for itself what each does.
function runPiece(frame: usize, at: usize, end: usize, piece: u32, pieces: u32, isAlone: bool, isFirst: bool, thread: u32, threads: u32): void {
  while (at < end) {
    const head = load<u32>(at)
    const isEach = isAlone && head & op.EACH
    const xRow = isAlone && head & op.OWN_X ? thread : 0
    if (!isEach) step(frame, head & 255, at + 8, piece, pieces, xRow, 0, thread, threads)
    else if (isFirst) step(frame, head & 255, at + 8, 0, 1, xRow, thread, thread, threads)
    at += load<u32>(at, 4)
  }
}

// What there is to do in the frame's pass, with all other threads that come. Thread 0 has called for it: for that one, it is done on return.
export function take(frame: usize, thread: u32, threads: u32): void {
  const pass = presentPass(frame)
  let at = <usize>atomic.load<u32>(frame + (op.FRAME_CODE << 2))
  if (!at) return
  const isAlone = frameRows(frame) == 1
  const flag: u32 = isAlone ? op.SAME_STRETCH_ALONE : op.SAME_STRETCH
  let first: u32 = 1
  while (load<u32>(at) & 255) {
    const next = stretchEnd(at, flag)
    const pieces = piecesOf(frame, at, next, threads)
    const end = first + pieces
    let isFirst = true
    for (;;) {
      const piece = claim(frame, pass, first, end)
      if (!piece) return
      if (piece == end) break
      runPiece(frame, at, next, piece - first, pieces, isAlone, isFirst, thread, threads)
      finishPiece(frame, end)
      isFirst = false
    }
    first = end
    at = next
  }
  if (thread == 0) closePass(frame, pass, first)
}

export { openPass } from './pieces'
