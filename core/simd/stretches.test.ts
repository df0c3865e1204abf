import { expect, test } from 'vitest'
import { programBuilder, type ProgramBuilder, type Program, type Value } from './program.ts'
import { doneByEach, stretchesOf } from './stretches.ts'

const NO_SHAPE = { x: 0, xStride: 0, y: 0, yStride: 0 }

function norm(program: ProgramBuilder, x: Value, segments = 1): Value {
  const y = program.value(x.width)
  const words = { ...NO_SHAPE, segments, width: x.width, weight: 0, weightStep: 0, bias: 0, epsilon: 0, kind: 0 }
  program.emit('norm', words, { reads: [x.buffer], writes: [y.buffer] })
  return y
}

function product(program: ProgramBuilder, x: Value, n: number): Value {
  const y = program.value(n)
  const words = { ...NO_SHAPE, held: 0, weight: 0, scales: 0, n, k: x.width, bias: 0 }
  program.emit('product', words, { reads: [x.buffer], writes: [y.buffer] })
  return y
}

function add(program: ProgramBuilder, a: Value, b: Value, width = a.width): Value {
  const y = program.value(width)
  const words = { a: 0, aStride: 0, b: 0, bStride: 0, y: 0, yStride: 0, width }
  program.emit('add', words, { reads: [a.buffer, b.buffer], writes: [y.buffer] })
  return y
}

function rotate(program: ProgramBuilder, x: Value, heads: number): void {
  const words = { x: 0, xStride: 0, heads, headWidth: 8, from: 0, pairs: 4, interleaved: 0, cos: 0, sin: 0 }
  program.emit('rotate', words, { reads: [x.buffer], writes: [x.buffer] })
}

function programOf(emit: (program: ProgramBuilder, input: Value) => Value): Program {
  const program = programBuilder()
  const input = program.value(64)
  return program.finish({ input, output: emit(program, input) })
}

test('of a row a norm, the products of it and what adds their columns are one stretch', () => {
  const program = programOf((p, x) => add(p, product(p, norm(p, x), 64), x))
  expect(stretchesOf(program)).toEqual({ rows: [0, 1, 1], alone: [0, 0, 0] })
  expect([...doneByEach(program)]).toEqual([program.instructions[0]])
})

test('a stretch ends before columns that another piece wrote: those of a product as its inputs, and those of another width', () => {
  expect(stretchesOf(programOf((p, x) => product(p, product(p, x, 64), 64))).alone).toEqual([0, 1])
  expect(stretchesOf(programOf((p, x) => add(p, product(p, x, 64), x, 32))).alone).toEqual([0, 1])
})

test('a norm that others than products read is divided, and so is one that leaves the pass', () => {
  expect(doneByEach(programOf((p, x) => add(p, norm(p, x), x))).size).toBe(0)
  expect(doneByEach(programOf((p, x) => norm(p, x))).size).toBe(0)
  const both = programOf((p, x) => {
    const y = norm(p, x)
    return add(p, product(p, y, 64), y)
  })
  expect(stretchesOf(both)).toEqual({ rows: [0, 1, 1], alone: [0, 1, 1] })
})

test('heads are divided alike where there are as many of them', () => {
  const headsOf = (segments: number) =>
    programOf((p, x) => {
      const y = norm(p, x, segments)
      rotate(p, y, 8)
      return y
    })
  expect(stretchesOf(headsOf(8)).alone).toEqual([0, 0])
  expect(stretchesOf(headsOf(4)).alone).toEqual([0, 1])
})

test('what is written again in its place is not written before all are done with it', () => {
  const program = programOf((p, x) => {
    const y = product(p, x, 64)
    product(p, y, 32)
    rotate(p, y, 8)
    return y
  })
  expect(stretchesOf(program).alone).toEqual([0, 1, 2])
})

test('of many rows a stretch ends wherever one ends of one row', () => {
  const program = programOf((p, x) => {
    let y = x
    for (let i = 0; i < 5; i++) y = add(p, product(p, norm(p, y), 64), y)
    return norm(p, y)
  })
  const { rows, alone } = stretchesOf(program)
  for (let i = 1; i < rows.length; i++) if (alone[i] !== alone[i - 1]) expect(rows[i]).not.toBe(rows[i - 1])
  expect(alone.at(-1)).toBeLessThan(rows.at(-1) ?? 0)
})

test('a norm that products of a later stretch read as well is not done by each: who takes a piece of that one alone has not done it', () => {
  const program = programOf((p, x) => {
    const y = norm(p, x)
    return add(p, product(p, product(p, y, 64), 64), product(p, y, 64))
  })
  expect(doneByEach(program).size).toBe(0)
  expect(stretchesOf(program).alone).toEqual([0, 1, 2, 2, 2])
})
