// Runs a program: instructions of a head word (operation and flags), the bytes to the next one, and the operation's words.
import * as op from '../opcodes'
import { attend } from './attention'
import { meet } from './barrier'
import { convolve, keep, rotate } from './cache'
import { activate, add, map } from './elementwise'
import { combine, route } from './experts'
import { frameRows } from './memory'
import { norm } from './norm'
import { expertProduct, product } from './product'
import { quantize } from './quantize'
import { mergeShortlists, shortlist } from './shortlist'

// `xRow`, `yRow`: the rows where x and y begin.
function step(frame: usize, code: u32, args: usize, part: u32, parts: u32, xRow: u32, yRow: u32): void {
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
      return attend(frame, args, part, parts)
    case op.ROUTE:
      return route(frame, args, part, parts)
    case op.COMBINE:
      return combine(frame, args, part, parts)
    case op.CONVOLVE:
      return convolve(frame, args, part, parts)
    case op.SHORTLIST:
      return shortlist(frame, args, part, parts)
    case op.MERGE_SHORTLIST:
      return mergeShortlists(args, part, parts)
  }
}

export { hold } from './hold'

// Part `part` of `parts` of the program at `at`; all parts must run, each in a thread of its own. `frame`: rows of this pass.
export function run(frame: usize, at: usize, part: u32, parts: u32): void {
  const isAlone = parts > 1 && frameRows(frame) == 1
  const noBarrier: u32 = isAlone ? op.NO_BARRIER_ALONE : op.NO_BARRIER
  let head = load<u32>(at)
  while (head & 255) {
    const xRow = isAlone && head & op.OWN_X ? part : 0
    if (isAlone && head & op.EACH) step(frame, head & 255, at + 8, 0, 1, xRow, part)
    else step(frame, head & 255, at + 8, part, parts, xRow, 0)
    if (parts > 1 && !(head & noBarrier)) meet(frame, parts)
    at += load<u32>(at, 4)
    head = load<u32>(at)
  }
}
