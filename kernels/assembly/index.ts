// Runs a program: instructions of a head word (operation and flags), the bytes to the next one, and the operation's words.
import * as op from '../opcodes'
import { attend } from './attention'
import { meet } from './barrier'
import { convolve, keep, rotate } from './cache'
import { activate, add, map } from './elementwise'
import { combine, route } from './experts'
import { norm } from './norm'
import { expertProduct, product } from './product'
import { quantize } from './quantize'
import { mergeShortlists, shortlist } from './shortlist'

function step(frame: usize, code: u32, args: usize, part: u32, parts: u32): void {
  switch (code) {
    case op.NORM:
      return norm(frame, args, part, parts)
    case op.QUANTIZE:
      return quantize(frame, args, part, parts)
    case op.PRODUCT:
      return product(frame, args, part, parts)
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
  let head = load<u32>(at)
  while (head & 255) {
    step(frame, head & 255, at + 8, part, parts)
    if (parts > 1 && !(head & op.NO_BARRIER)) meet(frame, parts)
    at += load<u32>(at, 4)
    head = load<u32>(at)
  }
}
