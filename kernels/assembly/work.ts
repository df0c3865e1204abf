// How many pieces a stretch is divided into. All threads must find the same number.
import * as op from '../opcodes'
import { frameRows, rowPosition, word } from './memory'

// Multiply-adds that are worth a thread's while: about a microsecond.
const LEAST: u64 = 32768
// What an element of a row takes, in multiply-adds.
const ELEMENT: u64 = 8

// A thread that goes on where it was reads weights as fast as memory gives them; each piece elsewhere costs a microsecond or two. Over few rows a
// stretch lasts ten of them, so it has a piece for each thread; over many rows it has more, of which a faster thread takes more.
const ROWS_FOR_MORE: u32 = 16
const MOST_FOR_EACH: u32 = 4

// Roughly the multiply-adds that an instruction takes, or what takes as long as they do.
function workOf(frame: usize, code: u32, args: usize): u64 {
  const rows = <u64>frameRows(frame)
  switch (code) {
    case op.PRODUCT:
      return rows * word(args, 5) * word(args, 6)
    case op.EXPERT_PRODUCT:
      return rows * word(args, 11) * word(args, 5) * word(args, 6)
    case op.ATTEND:
      return reach(frame, word(args, 8)) * word(args, 2) * (word(args, 4) + word(args, 5))
    case op.NORM:
    case op.QUANTIZE:
      return ELEMENT * rows * word(args, 2) * word(args, 3)
    case op.MAP:
      return ELEMENT * rows * word(args, 4)
    case op.ADD:
      return ELEMENT * rows * word(args, 6)
    case op.ACTIVATE:
      return ELEMENT * rows * word(args, 6) * word(args, 10)
    case op.ROTATE:
      return ELEMENT * rows * word(args, 2) * word(args, 5)
    case op.STORE:
    case op.COMBINE:
      return ELEMENT * rows * word(args, 3) * word(args, 4)
    case op.ROUTE:
      return ELEMENT * rows * word(args, 2)
    case op.CONVOLVE:
      return ELEMENT * rows * word(args, 2) * word(args, 3)
  }
  return 0
}

// Positions that the rows of the pass see, together.
function reach(frame: usize, window: u32): u64 {
  let sum: u64 = 0
  for (let row: u32 = 0; row < frameRows(frame); row++) {
    const seen = rowPosition(frame, row) + 1
    sum += window ? min(window, seen) : seen
  }
  return sum
}

// Of the stretch [at, end). Shortlists are one for each thread, and merged by one.
export function piecesOf(frame: usize, at: usize, end: usize, threads: u32): u32 {
  let work: u64 = 0
  while (at < end) {
    const code = load<u32>(at) & 255
    if (code == op.SHORTLIST) return threads
    work += workOf(frame, code, at + 8)
    at += load<u32>(at, 4)
  }
  const most = threads * min(max(frameRows(frame) / ROWS_FOR_MORE, 1), MOST_FOR_EACH)
  return <u32>min(max(work / LEAST, 1), <u64>most)
}
