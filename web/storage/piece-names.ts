/** What the names of kept pieces say. Whoever lists a folder knows what it holds without opening a piece. */
import { z } from 'zod'
import type { FileFacts } from '../../core/model/model-source.ts'
import { digestOf } from './digest.ts'
import type { Piece } from './piece-cover.ts'

/** Of a source: which checkpoint a folder is of. */
export const ABOUT = 'about'
const aboutSchema = z.object({ address: z.string(), label: z.string() })
export type About = z.infer<typeof aboutSchema>

const recordSchema = z.object({
  file: z.string(),
  /** Null: the source has no such file. */
  version: z.string().nullable(),
  size: z.number().int().min(0).nullable(),
  sha256: z.string().nullable(),
  /** Milliseconds since 1970. */
  keptAt: z.number(),
})
/** One version of a file. */
export type FileRecord = FileFacts & z.infer<typeof recordSchema>

/** Hexadecimal digits of a hash that names something: 64 bits, more than any browser has pieces for. */
const KEY_DIGITS = 16
const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text)
export const keyOf = async (...parts: readonly string[]): Promise<string> => (await digestOf(encode(parts.join('\n')))).slice(0, KEY_DIGITS)

export const recordName = (key: string): string => `file-${key}`
export const verifiedName = (key: string): string => `verified-${key}`
export const pieceName = (key: string, start: number, length: number, digest: string): string =>
  `piece-${key}-${start}-${length}-${digest.slice(0, 2 * KEY_DIGITS)}`

const RECORD = /^file-([0-9a-f]+)$/
const PIECE = /^piece-([0-9a-f]+)-(\d+)-(\d+)-([0-9a-f]+)$/

export const recordKey = (name: string): string | null => RECORD.exec(name)?.[1] ?? null

export function parsePiece(name: string): (Piece & { readonly key: string; readonly digest: string }) | null {
  const [, key, start, length, digest] = PIECE.exec(name) ?? []
  if (key === undefined || digest === undefined) return null
  return { key, digest, name, start: Number(start), end: Number(start) + Number(length) }
}

/** False for bytes that were cut off or have changed since they were named. */
export async function isWhole(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  const piece = parsePiece(name)
  return piece !== null && bytes.length === piece.end - piece.start && (await digestOf(bytes)).startsWith(piece.digest)
}

const jsonOf = <T>(schema: z.ZodType<T>, bytes: Uint8Array | null): T | null => {
  if (!bytes) return null
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    // A tab that was killed while it wrote: as if nothing were there.
    return null
  }
}
export const parseAbout = (bytes: Uint8Array | null): About | null => jsonOf(aboutSchema, bytes)
export const parseRecord = (bytes: Uint8Array | null): FileRecord | null => jsonOf(recordSchema, bytes)
export const toBytes = (value: About | FileRecord): Uint8Array<ArrayBuffer> => encode(JSON.stringify(value))
