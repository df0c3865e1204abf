/** A small GGUF file whose metadata says that it is a model of embeddings. */
import { readFileSync } from 'node:fs'
import path from 'node:path'

const LLAMA = path.join(import.meta.dirname, '../fixtures/gguf/llama/model.gguf')
const POOLINGS = { none: 0, mean: 1, cls: 2, last: 3, rank: 4 } as const
/** Where the number of entries stands, and where the first of them begins. */
const [COUNT_AT, ENTRIES_AT] = [16, 24]
/** Of tensors in the file: what is put before them must not move them off it. */
const ALIGNMENT = 32
const [UINT32, STRING] = [4, 8]

const number = (value: number, bytes: 4 | 8): Buffer => {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUInt32LE(value)
  return buffer
}
const text = (value: string): Buffer => Buffer.concat([number(value.length, 8), Buffer.from(value)])

export function ggufPooling(pooling: keyof typeof POOLINGS): Buffer {
  const file = readFileSync(LLAMA)
  const entry = Buffer.concat([text('llama.pooling_type'), number(UINT32, 4), number(POOLINGS[pooling], 4)])
  const filler = (length: number): Buffer => Buffer.concat([text('test.filler'), number(STRING, 4), text('x'.repeat(length))])
  const missing = ALIGNMENT - ((entry.length + filler(0).length) % ALIGNMENT)
  const count = file.readUInt32LE(COUNT_AT) + 2
  return Buffer.concat([file.subarray(0, COUNT_AT), number(count, 8), entry, filler(missing), file.subarray(ENTRIES_AT)])
}
