import { expect, test } from 'vitest'
import { pieceWriter } from './piece-writer.ts'

const MIB = 2 ** 20
/** A writer, and what it has written: start and length. */
function recorded(fails = false) {
  const written: [number, number][] = []
  let now = 0
  const write = async (start: number, bytes: Uint8Array): Promise<void> => {
    if (fails) throw new Error('no')
    written.push([start, bytes.length])
  }
  return { written, writer: pieceWriter(write, () => now), pass: (milliseconds: number) => void (now += milliseconds) }
}

test('neighbours of the file and of memory become pieces of 4 MiB; the rest is written at the end', async () => {
  const { written, writer } = recorded()
  const target = new Uint8Array(9 * MIB)
  for (let at = 0; at < target.length; at += MIB) writer.add(100 + at, target.subarray(at, at + MIB))
  await writer.done()
  expect(written).toEqual([
    [100, 4 * MIB],
    [100 + 4 * MIB, 4 * MIB],
    [100 + 8 * MIB, MIB],
  ])
})

test('what trickles in is written after 1.5 seconds, so that a killed tab loses no more', async () => {
  const { written, writer, pass } = recorded()
  const target = new Uint8Array(1000)
  writer.add(0, target.subarray(0, 400))
  pass(1600)
  writer.add(400, target.subarray(400, 500))
  await new Promise((resolve) => setImmediate(resolve))
  expect(written).toEqual([[0, 500]])
  writer.add(500, target.subarray(500))
  await writer.done()
  expect(written).toEqual([
    [0, 500],
    [500, 500],
  ])
})

test('requests side by side are kept apart, a whole file is cut into pieces, and a store that refuses stops nobody', async () => {
  const { written, writer } = recorded()
  const target = new Uint8Array(20)
  writer.add(0, target.subarray(0, 5))
  writer.add(10, target.subarray(10, 15))
  writer.add(5, target.subarray(5, 10))
  writer.add(100, new Uint8Array(5 * MIB))
  await writer.done()
  expect(new Set(written.map(String))).toEqual(new Set(['0,10', '10,5', `100,${4 * MIB}`, `${100 + 4 * MIB},${MIB}`]))
  const refused = recorded(true)
  refused.writer.add(0, target)
  await expect(refused.writer.done()).resolves.toBeUndefined()
})
