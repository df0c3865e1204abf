/** A checkpoint whose matrices were rounded to a type and back, as f32: what the type costs, apart from any kernel. */
import { readTensors } from '../../core/model/read-tensors.ts'
import { memorySource } from '../../core/model/memory-source.ts'
import type { ModelDescription } from '../../core/model/model-description.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { f16BitsToF32, f32ToF16Bits } from '../../core/quant/float16.ts'
import { quantizeInt8Rows } from '../../core/quant/int8.ts'
import { quantizeBlocks } from '../../core/quant/integer-blocks.ts'
import { bytesOf, decodeStored } from '../../core/quant/stored.ts'

/** Rows in, rows out. */
type Rounding = (values: Float32Array, columns: number) => Float32Array

const toHalf = (value: number): number => f16BitsToF32(f32ToF16Bits(value))

const inBlocks =
  (bits: 4 | 8, size: 16 | 32, roundScale: (scale: number) => number): Rounding =>
  (values, columns) => {
    const { integers, scales } = quantizeBlocks(values, columns, { bits, size }, roundScale)
    const blocks = Math.ceil(columns / size)
    return Float32Array.from(integers, (integer, i) => integer * (scales[Math.floor(i / columns) * blocks + Math.floor((i % columns) / size)] ?? 0))
  }

/** Smallest and largest of a block land on the ends, as in Q4_1 and Q5_1: a scale and a minimum, both halves. */
const withMinimum =
  (levels: number): Rounding =>
  (values) => {
    const out = new Float32Array(values.length)
    for (let at = 0; at < values.length; at += 32) {
      const block = values.subarray(at, at + 32)
      const [least, most] = [Math.min(...block), Math.max(...block)]
      const [scale, minimum] = [toHalf((most - least) / (levels - 1)), toHalf(least)]
      block.forEach(
        (value, i) =>
          (out[at + i] = scale === 0 ? minimum : Math.min(levels - 1, Math.max(0, Math.round((value - minimum) / scale))) * scale + minimum),
      )
    }
    return out
  }

/** Q5_0: 5 bits around the middle. */
const fiveBits: Rounding = (values) => {
  const out = new Float32Array(values.length)
  for (let at = 0; at < values.length; at += 32) {
    const block = values.subarray(at, at + 32)
    const extreme = block.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0)
    const scale = toHalf(extreme / -16)
    block.forEach((value, i) => (out[at + i] = scale === 0 ? 0 : Math.min(15, Math.max(-16, Math.round(value / scale))) * scale))
  }
  return out
}

const byRows: Rounding = (values, columns) => {
  const { values: integers, scales } = quantizeInt8Rows(values, values.length / columns, columns)
  return Float32Array.from(integers, (integer, i) => integer * (scales[Math.floor(i / columns)] ?? 0))
}

/** By the names that pages and documents have for them. */
export const ROUNDINGS: Readonly<Record<string, Rounding>> = {
  f16: (values) => values.map(toHalf),
  'int8 row': byRows,
  'int8 block 32': inBlocks(8, 32, Math.fround),
  'int8 block 16': inBlocks(8, 16, Math.fround),
  'int4 block 32': inBlocks(4, 32, Math.fround),
  'int4 block 16': inBlocks(4, 16, Math.fround),
  Q8_0: inBlocks(8, 32, toHalf),
  Q5_1: withMinimum(32),
  Q5_0: fiveBits,
  Q4_1: withMinimum(16),
  Q4_0: inBlocks(4, 32, toHalf),
}

/** @param table whether the embedding table is rounded too */
export async function requantized(source: ModelSource, model: ModelDescription, rounding: Rounding, table: boolean): Promise<ModelSource> {
  const stored = await readTensors(source, model.tensors)
  const header: Record<string, unknown> = {}
  const parts: Uint8Array[] = []
  let offset = 0
  for (const [name, { type, shape }] of model.tensors) {
    const bytes = stored.get(name)
    if (!bytes || type === null) throw new Error(`tensor ${name} was not read`)
    const values = decodeStored(bytes, type)
    const isRounded = shape.length === 2 && (table || !name.includes('embed_tokens'))
    const part = bytesOf(isRounded ? rounding(values, shape[1] ?? 1) : values)
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + part.length] }
    offset += part.length
    parts.push(part)
  }
  const json = new TextEncoder().encode(JSON.stringify(header))
  const length = new Uint8Array(new BigUint64Array([BigInt(json.length)]).buffer)
  const file = new Uint8Array(Buffer.concat([length, json, ...parts]))
  const config = await source.readText('config.json')
  return memorySource(
    source.label,
    new Map([
      ['config.json', new TextEncoder().encode(config ?? '')],
      ['model.safetensors', file],
    ]),
  )
}
