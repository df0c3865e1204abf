/** The golden files of a case: what an independent implementation computed. */
import { z } from 'zod'
import { decodeStored } from '../../core/quant/stored.ts'
import type { ModelSource } from '../../core/model/model-source.ts'

const goldenSchema = z.looseObject({
  suggested_atol: z.looseObject({ float32_logits: z.number(), float16_logits: z.number() }),
  greedy_top2_gap: z.array(z.number()),
  float32_vs_float64: z.record(z.string(), z.unknown()),
})
const headerSchema = z.record(
  z.string(),
  z.looseObject({ dtype: z.string(), shape: z.array(z.number()), data_offsets: z.tuple([z.number(), z.number()]) }).partial(),
)

export type Golden = {
  readonly atol: { readonly float32: number; readonly float16: number }
  readonly gaps: readonly number[]
  /** Row-major f32, by name. */
  readonly floats: (name: string) => Float32Array
  readonly ids: (name: string) => readonly number[]
}

/** @throws {Error} when the case has no golden files */
export async function readGolden(source: ModelSource): Promise<Golden> {
  const text = await source.readText('golden.json')
  if (text === null) throw new Error(`${source.label} has no golden.json`)
  const golden = goldenSchema.parse(JSON.parse(text))
  const file = 'golden.safetensors'
  const prefix = await source.readRange(file, 0, 8)
  const headerBytes = Number(new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true))
  const header = headerSchema.parse(JSON.parse(new TextDecoder().decode(await source.readRange(file, 8, 8 + headerBytes))))
  const tensors = new Map<string, { dtype: string; bytes: Uint8Array }>()
  for (const [name, { dtype, data_offsets: offsets }] of Object.entries(header)) {
    if (dtype === undefined || offsets === undefined) continue
    tensors.set(name, { dtype, bytes: await source.readRange(file, 8 + headerBytes + offsets[0], 8 + headerBytes + offsets[1]) })
  }
  const tensor = (name: string, dtype: string): Uint8Array => {
    const found = tensors.get(name)
    if (found?.dtype !== dtype) throw new Error(`${source.label} has no golden tensor ${name} of type ${dtype}`)
    return found.bytes.slice()
  }
  return {
    atol: { float32: golden.suggested_atol.float32_logits, float16: golden.suggested_atol.float16_logits },
    gaps: golden.greedy_top2_gap,
    floats: (name) => decodeStored(tensor(name, 'F32'), 'f32'),
    ids: (name) => Array.from(new BigInt64Array(tensor(name, 'I64').buffer), Number),
  }
}
