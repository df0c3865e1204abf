/**
 * Words of every operation, in order: what a program writes and a kernel reads. What they mean stands at the head of the kernel.
 * Strides are bytes from one row to the next.
 */
import * as code from './opcodes.ts'

/** `address`: of weights or activations; `integer`: 32 bits; `float`: the bits of an f32. */
type WordType = 'address' | 'integer' | 'float'
type Operation = { readonly code: number; readonly words: Readonly<Record<string, WordType>> }

const PRODUCT_WORDS = {
  held: 'integer',
  x: 'address',
  xStride: 'integer',
  weight: 'address',
  scales: 'address',
  n: 'integer',
  k: 'integer',
  bias: 'address',
  y: 'address',
  yStride: 'integer',
} as const

export const OPERATIONS = {
  norm: {
    code: code.NORM,
    words: {
      x: 'address',
      xStride: 'integer',
      segments: 'integer',
      width: 'integer',
      weight: 'address',
      weightStep: 'integer',
      bias: 'address',
      epsilon: 'float',
      kind: 'integer',
      y: 'address',
      yStride: 'integer',
    },
  },
  quantize: {
    code: code.QUANTIZE,
    words: { x: 'address', xStride: 'integer', k: 'integer', repeat: 'integer', order: 'integer', y: 'address', yStride: 'integer' },
  },
  product: { code: code.PRODUCT, words: PRODUCT_WORDS },
  expertProduct: {
    code: code.EXPERT_PRODUCT,
    words: {
      ...PRODUCT_WORDS,
      choice: 'address',
      chosen: 'integer',
      experts: 'integer',
      fromSlots: 'integer',
      matrixBytes: 'integer',
      scaleBytes: 'integer',
    },
  },
  map: {
    code: code.MAP,
    words: { x: 'address', xStride: 'integer', y: 'address', yStride: 'integer', width: 'integer', kind: 'integer', value: 'float' },
  },
  add: {
    code: code.ADD,
    words: { a: 'address', aStride: 'integer', b: 'address', bStride: 'integer', y: 'address', yStride: 'integer', width: 'integer' },
  },
  activate: {
    code: code.ACTIVATE,
    words: {
      gate: 'address',
      gateStride: 'integer',
      up: 'address',
      upStride: 'integer',
      y: 'address',
      yStride: 'integer',
      width: 'integer',
      kind: 'integer',
      limit: 'float',
      alpha: 'float',
      repeat: 'integer',
    },
  },
  rotate: {
    code: code.ROTATE,
    words: {
      x: 'address',
      xStride: 'integer',
      heads: 'integer',
      headWidth: 'integer',
      from: 'integer',
      pairs: 'integer',
      interleaved: 'integer',
      cos: 'address',
      sin: 'address',
    },
  },
  store: {
    code: code.STORE,
    words: {
      x: 'address',
      xStride: 'integer',
      headStride: 'integer',
      heads: 'integer',
      width: 'integer',
      cacheWidth: 'integer',
      column: 'integer',
      fixed: 'integer',
      offset: 'integer',
      kind: 'integer',
      held: 'integer',
    },
  },
  attend: {
    code: code.ATTEND,
    words: {
      q: 'address',
      qStride: 'integer',
      heads: 'integer',
      kvHeads: 'integer',
      keyDim: 'integer',
      valueDim: 'integer',
      scale: 'float',
      softcap: 'float',
      window: 'integer',
      sinks: 'address',
      fixed: 'integer',
      keyOffset: 'integer',
      valueOffset: 'integer',
      held: 'integer',
      y: 'address',
      yStride: 'integer',
      scores: 'address',
      scoresStride: 'integer',
      scoresPart: 'integer',
    },
  },
  route: {
    code: code.ROUTE,
    words: {
      scores: 'address',
      scoresStride: 'integer',
      experts: 'integer',
      chosen: 'integer',
      kind: 'integer',
      choiceBias: 'address',
      groups: 'integer',
      groupsChosen: 'integer',
      normalize: 'integer',
      scale: 'float',
      choice: 'address',
      choiceStride: 'integer',
      ids: 'address',
      weights: 'address',
    },
  },
  combine: {
    code: code.COMBINE,
    words: { x: 'address', xStride: 'integer', weights: 'address', chosen: 'integer', width: 'integer', y: 'address', yStride: 'integer' },
  },
  convolve: {
    code: code.CONVOLVE,
    words: {
      x: 'address',
      xStride: 'integer',
      width: 'integer',
      length: 'integer',
      kernel: 'address',
      bias: 'address',
      state: 'integer',
      y: 'address',
      yStride: 'integer',
    },
  },
  shortlist: {
    code: code.SHORTLIST,
    words: { logits: 'address', stride: 'integer', n: 'integer', k: 'integer', lists: 'address', listBytes: 'integer' },
  },
  mergeShortlists: {
    code: code.MERGE_SHORTLIST,
    words: { k: 'integer', lists: 'address', listBytes: 'integer', merged: 'address' },
  },
} as const satisfies Readonly<Record<string, Operation>>

export type OperationName = keyof typeof OPERATIONS
export type WordName<Name extends OperationName> = keyof (typeof OPERATIONS)[Name]['words'] & string
