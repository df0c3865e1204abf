/** Safetensors by byte ranges: 8 bytes header length (little-endian), JSON header, data. https://huggingface.co/docs/safetensors */
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'
import { storedBytes, type StoredType } from '../quant/stored.ts'
import type { ModelSource } from './model-source.ts'

const STORED_TYPES: Readonly<Record<string, StoredType>> = { F32: 'f32', F16: 'f16', BF16: 'bf16', U8: 'u8' }

/** Where a tensor lies: bytes [start, end) of a file, row-major. */
export type TensorLocation = {
  readonly file: string
  /** Null for element types that no architecture reads yet (wider integers, 8-bit floats). */
  readonly type: StoredType | null
  readonly shape: readonly number[]
  readonly start: number
  readonly end: number
  /** Rows of each group of so many (a head) are stored as 0, n/2, 1, n/2 + 1 …: dimensions that rotate together are neighbours. */
  readonly pairedRows?: number
  /** Was added to every element before it was stored. */
  readonly plus?: number
}
export type TensorIndex = ReadonlyMap<string, TensorLocation>

const PREFIX_BYTES = 8
/** The reference implementation's own bound on a header. */
const MAX_HEADER_BYTES = 100_000_000
const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.number().int().min(0)),
  data_offsets: z.tuple([z.number().int().min(0), z.number().int().min(0)]),
})
const headerSchema = z.record(z.string(), z.unknown())
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) })

const bad = (file: string, what: string, cause?: unknown): ClusterError =>
  new ClusterError('bad_checkpoint', `${file} is not a usable safetensors checkpoint: ${what}`, { cause })

function parseJson<T>(schema: z.ZodType<T>, text: string, file: string): T {
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw bad(file, 'its header is malformed', cause)
  }
}

/** Locations from a header's JSON. `dataStart` is the file offset of the first data byte. @throws {ClusterError} bad_checkpoint */
export function parseHeader(file: string, text: string, dataStart: number): ReadonlyMap<string, TensorLocation> {
  const index = new Map<string, TensorLocation>()
  for (const [name, value] of Object.entries(parseJson(headerSchema, text, file))) {
    if (name === '__metadata__') continue
    const entry = entrySchema.safeParse(value)
    if (!entry.success) throw bad(file, `tensor ${name} is malformed`)
    const [from, to] = entry.data.data_offsets
    const type = STORED_TYPES[entry.data.dtype] ?? null
    const elements = entry.data.shape.reduce((product, n) => product * n, 1)
    if (to < from || (type !== null && to - from !== storedBytes(type, elements)))
      throw bad(file, `tensor ${name} has ${to - from} bytes, not those of its shape`)
    index.set(name, { file, type, shape: entry.data.shape, start: dataStart + from, end: dataStart + to })
  }
  return index
}

async function readHeader(source: ModelSource, file: string, signal?: AbortSignal): Promise<ReadonlyMap<string, TensorLocation>> {
  const options = signal ? { signal } : {}
  const prefix = await source.readRange(file, 0, PREFIX_BYTES, options)
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES).getBigUint64(0, true))
  if (length < 2 || length > MAX_HEADER_BYTES) throw bad(file, `a header of ${length} bytes`)
  const header = await source.readRange(file, PREFIX_BYTES, PREFIX_BYTES + length, options)
  return parseHeader(file, new TextDecoder().decode(header), PREFIX_BYTES + length)
}

/**
 * Every tensor of a checkpoint, from `model.safetensors.index.json` and its files or from `model.safetensors`. Reads headers only.
 * @throws {ClusterError} bad_checkpoint, source_unavailable
 */
export async function readTensorIndex(source: ModelSource, signal?: AbortSignal): Promise<TensorIndex> {
  const indexText = await source.readText('model.safetensors.index.json', signal)
  if (indexText === null) return readHeader(source, 'model.safetensors', signal)
  const map = parseJson(indexSchema, indexText, 'model.safetensors.index.json').weight_map
  const headers = new Map<string, ReadonlyMap<string, TensorLocation>>()
  for (const file of new Set(Object.values(map))) {
    if (!/^[\w.-]+$/.test(file) || file.startsWith('.')) throw bad('model.safetensors.index.json', `it names a file ${file}`)
    headers.set(file, await readHeader(source, file, signal))
  }
  const index = new Map<string, TensorLocation>()
  for (const [name, file] of Object.entries(map)) {
    const location = headers.get(file)?.get(name)
    if (!location) throw bad(file, `tensor ${name} is missing`)
    index.set(name, location)
  }
  return index
}
