/** One version of a file as far as it is kept: its pieces, each checked before it is used. */
import { coverOf, type Cover, type Piece } from './piece-cover.ts'
import { digestOf, digestOfParts } from './digest.ts'
import { isWhole, pieceName, verifiedName, type FileRecord } from './piece-names.ts'
import type { PieceStore } from './piece-store.ts'

export type KeptFile = {
  readonly record: FileRecord
  readonly cover: (start: number, end: number) => Cover
  /** Bytes [start, end) of the file out of a piece; null when the piece is gone or damaged, which it then no longer counts as. */
  readonly read: (piece: Piece, start: number, end: number) => Promise<Uint8Array | null>
  /** Keeps bytes that begin at `start`. `bytes` must not change until it resolves. */
  readonly write: (start: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void>
  /**
   * Checks the whole file against its SHA-256 once all of it is here; a wrong file is forgotten.
   * @returns false when it is wrong; true also when there is nothing to check, or not yet
   */
  readonly verify: () => Promise<boolean>
  readonly forget: () => Promise<void>
}

type Options = {
  readonly store: PieceStore
  readonly folder: string
  readonly key: string
  readonly record: FileRecord
  readonly pieces: readonly Piece[]
  readonly isVerified: boolean
  /** Writes the record where it is gone, as after the page removed the model. */
  readonly ensureRecord: () => Promise<void>
  readonly onChange: () => void
}

export function keptFile({ store, folder, key, record, pieces, isVerified, ensureRecord, onChange }: Options): KeptFile {
  const known = new Map(pieces.map((piece) => [piece.name, piece]))
  const checked = new Set<string>()
  let isDone = isVerified

  const drop = async (name: string): Promise<null> => {
    known.delete(name)
    await store.remove(folder, name)
    return null
  }
  const readWhole = async (name: string): Promise<Uint8Array<ArrayBuffer> | null> => {
    const bytes = await store.read(folder, name)
    return bytes && (await isWhole(name, bytes)) ? bytes : null
  }
  const cover: KeptFile['cover'] = (start, end) => coverOf(known.values(), start, end)
  const read: KeptFile['read'] = async (piece, start, end) => {
    const [from, to] = [start - piece.start, end - piece.start]
    if (checked.has(piece.name)) {
      const bytes = await store.read(folder, piece.name, from, to)
      return bytes?.length === to - from ? bytes : drop(piece.name)
    }
    // Read twice before it is given up: another tab may be in the middle of writing it.
    const whole = (await readWhole(piece.name)) ?? (await readWhole(piece.name))
    if (!whole) return drop(piece.name)
    checked.add(piece.name)
    return whole.subarray(from, to)
  }
  const forget = async (): Promise<void> => {
    await Promise.all([...known.keys()].map((name) => store.remove(folder, name)))
    known.clear()
    onChange()
  }
  async function wholeDigest(size: number): Promise<string | null> {
    const { parts, gaps } = cover(0, size)
    const left = [...parts]
    let isDamaged = gaps.length > 0
    const digest = await digestOfParts(async () => {
      const part = left.shift()
      const bytes = part && !isDamaged ? await read(part.piece, part.start, part.end) : null
      isDamaged ||= part !== undefined && bytes === null
      return bytes
    })
    return isDamaged ? null : digest
  }
  return {
    record,
    cover,
    read,
    forget,
    write: async (start, bytes) => {
      const name = pieceName(key, start, bytes.length, await digestOf(bytes))
      if (known.has(name) || (await store.write(folder, name, bytes)) !== 'kept') return
      await ensureRecord()
      known.set(name, { name, start, end: start + bytes.length })
      onChange()
    },
    verify: async () => {
      const { size, sha256 } = record
      if (isDone || size === null || sha256 === null || cover(0, size).gaps.length > 0) return true
      const digest = await wholeDigest(size)
      if (digest === null) return true
      if (digest !== sha256) {
        await forget()
        return false
      }
      isDone = true
      await store.write(folder, verifiedName(key), new Uint8Array(1))
      return true
    },
  }
}
