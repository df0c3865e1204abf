/** Header of a GGUF file by byte ranges. Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
import { ClusterError } from '../../protocol/errors.ts'
import { byteCursor, type ByteCursor } from './byte-cursor.ts'
import type { ModelSource } from './model-source.ts'

export type GgufValue = number | boolean | string | readonly GgufValue[]
export type GgufMetadata = ReadonlyMap<string, GgufValue>
export type GgufTensor = {
  readonly ggmlType: number
  /** Outermost first, as everywhere else; the file has them the other way round. */
  readonly shape: readonly number[]
  /** Of its first byte in the file. */
  readonly start: number
}
export type GgufHeader = { readonly metadata: GgufMetadata; readonly tensors: ReadonlyMap<string, GgufTensor> }

const MAGIC = 0x46554747
const DEFAULT_ALIGNMENT = 32
const MAX_ALIGNMENT = 1 << 20
/** ggml's own bound. */
const MAX_DIMENSIONS = 4
/** Vocabularies and merges of the largest tokenizers take some ten million bytes. */
const MAX_HEADER_BYTES = 100_000_000
/** The first request: enough for the header of a small vocabulary. */
const READ_AHEAD_BYTES = 1 << 20
/** Magic, version and two counts. */
const MIN_HEADER_BYTES = 24
/** Arrays in arrays appear in no known file; each level costs stack. */
const MAX_NESTING = 4

const bad = (file: string, what: string, cause?: unknown): ClusterError =>
  new ClusterError('bad_checkpoint', `${file} is not a usable GGUF file: ${what}`, { cause })

/** One value of a type by its number in the format. */
function readValue(cursor: ByteCursor, type: number, nesting = 0): GgufValue {
  switch (type) {
    case 0:
      return cursor.uint8()
    case 1:
      return (cursor.uint8() << 24) >> 24
    case 2:
      return cursor.uint16()
    case 3:
      return (cursor.uint16() << 16) >> 16
    case 4:
      return cursor.uint32()
    case 5:
      return cursor.uint32() | 0
    case 6:
      return cursor.float32()
    case 7:
      return cursor.uint8() !== 0
    case 8:
      return cursor.text()
    case 9:
      return readArray(cursor, nesting)
    case 10:
      return cursor.uint64()
    case 11:
      return cursor.int64()
    case 12:
      return cursor.float64()
    default:
      return cursor.refuse(`a value of type ${type}`)
  }
}

function readArray(cursor: ByteCursor, nesting: number): readonly GgufValue[] {
  if (nesting >= MAX_NESTING) return cursor.refuse('arrays in arrays')
  const type = cursor.uint32()
  const count = cursor.uint64()
  // Every element takes a byte or more: a count beyond the header's bound never becomes an allocation.
  if (count > MAX_HEADER_BYTES) return cursor.refuse(`an array of ${count} elements`)
  const values: GgufValue[] = []
  for (let i = 0; i < count; i++) values.push(readValue(cursor, type, nesting + 1))
  return values
}

function readMetadata(cursor: ByteCursor, count: number): GgufMetadata {
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < count; i++) {
    const key = cursor.text()
    if (metadata.has(key)) return cursor.refuse(`key ${key} twice`)
    metadata.set(key, readValue(cursor, cursor.uint32()))
  }
  return metadata
}

type Listed = { readonly ggmlType: number; readonly shape: readonly number[]; readonly offset: number }

function readTensors(cursor: ByteCursor, count: number): ReadonlyMap<string, Listed> {
  const tensors = new Map<string, Listed>()
  for (let i = 0; i < count; i++) {
    const name = cursor.text()
    if (tensors.has(name)) return cursor.refuse(`tensor ${name} twice`)
    const dimensions = cursor.uint32()
    if (dimensions > MAX_DIMENSIONS) return cursor.refuse(`tensor ${name} of ${dimensions} dimensions`)
    const shape = Array.from({ length: dimensions }, () => cursor.uint64()).reverse()
    if (!Number.isSafeInteger(shape.reduce((product, n) => product * n, 8))) return cursor.refuse(`tensor ${name} of shape [${shape.join(', ')}]`)
    tensors.set(name, { shape, ggmlType: cursor.uint32(), offset: cursor.uint64() })
  }
  return tensors
}

function alignmentOf(cursor: ByteCursor, metadata: GgufMetadata): number {
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT
  if (typeof alignment !== 'number' || !Number.isInteger(alignment) || alignment < 1 || alignment > MAX_ALIGNMENT)
    return cursor.refuse(`an alignment of ${String(alignment)}`)
  return alignment
}

function parseHeader(cursor: ByteCursor): GgufHeader {
  if (cursor.uint32() !== MAGIC) return cursor.refuse('it does not begin with GGUF')
  const version = cursor.uint32()
  if (version !== 2 && version !== 3) return cursor.refuse(`version ${version}; 2 and 3 are read`)
  const [tensorCount, keyCount] = [cursor.uint64(), cursor.uint64()]
  const metadata = readMetadata(cursor, keyCount)
  const listed = readTensors(cursor, tensorCount)
  const alignment = alignmentOf(cursor, metadata)
  const dataStart = Math.ceil(cursor.position() / alignment) * alignment
  const tensors = new Map<string, GgufTensor>()
  for (const [name, { ggmlType, shape, offset }] of listed) {
    if (offset % alignment !== 0) return cursor.refuse(`tensor ${name} at ${offset}, not aligned to ${alignment}`)
    tensors.set(name, { ggmlType, shape, start: dataStart + offset })
  }
  return { metadata, tensors }
}

/** Null where the file is shorter. */
async function readStart(source: ModelSource, file: string, end: number, signal?: AbortSignal): Promise<Uint8Array | null> {
  try {
    return await source.readRange(file, 0, end, signal ? { signal } : {})
  } catch (error) {
    if (error instanceof ClusterError && error.code === 'bad_checkpoint') return null
    throw error
  }
}

/** The header, or how many bytes it has at least. @throws {ClusterError} bad_checkpoint */
function tryHeader(file: string, bytes: Uint8Array): GgufHeader | number {
  const cursor = byteCursor(bytes)
  try {
    return parseHeader(cursor)
  } catch (cause) {
    const refusal = cursor.refusal()
    if (refusal !== null) throw bad(file, refusal, cause)
    const missing = cursor.missing()
    if (missing === null) throw cause
    if (missing > MAX_HEADER_BYTES) throw bad(file, `a header of ${missing} bytes`, cause)
    return missing
  }
}

/**
 * Reads only the header, in one request where it is small.
 * @throws {ClusterError} bad_checkpoint, source_unavailable, cancelled
 */
export async function readGguf(source: ModelSource, file: string, signal?: AbortSignal): Promise<GgufHeader> {
  let [least, wanted, shorterThan] = [MIN_HEADER_BYTES, READ_AHEAD_BYTES, Infinity]
  // A source does not tell a file's length: a wish beyond it is halved towards what is needed, so the requests stay few.
  while (least < shorterThan) {
    const bytes = await readStart(source, file, wanted, signal)
    if (bytes) {
      const header = tryHeader(file, bytes)
      if (typeof header !== 'number') return header
      least = header
    } else {
      shorterThan = wanted
    }
    const middle = Number.isFinite(shorterThan) ? Math.floor((least + shorterThan) / 2) : 2 * wanted
    wanted = Math.max(least, Math.min(MAX_HEADER_BYTES, middle))
  }
  throw bad(file, `it ends before byte ${shorterThan}, within its header`)
}
