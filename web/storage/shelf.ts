/** All that is kept of one checkpoint: the versions of its files. */
import type { FileFacts } from '../../core/model/model-source.ts'
import { keptFile, type KeptFile } from './kept-file.ts'
import { ABOUT, keyOf, parsePiece, parseRecord, recordKey, recordName, toBytes, verifiedName, type About, type FileRecord } from './piece-names.ts'
import type { PieceStore } from './piece-store.ts'

export type Shelf = {
  /** The version of a file that was kept last, or null. `record.version` null: there was no such file. */
  readonly find: (file: string) => KeptFile | null
  /** Begins to keep a version; others of the same file are dropped. `facts` null: there is no such file. */
  readonly begin: (file: string, facts: FileFacts | null) => Promise<KeptFile>
  readonly drop: (file: string) => Promise<void>
}

export type ShelfOptions = {
  readonly store: PieceStore
  /** Of the source. */
  readonly address: string
  readonly label: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly onChange: () => void
}

/** The folder's own record and the version's, each written where it is not: a model without one of them would be on the disk and in no list. */
async function ensureRecord({ store, address, label }: ShelfOptions, folder: string, key: string, record: FileRecord): Promise<void> {
  const ensure = async (name: string, value: About | FileRecord): Promise<void> => {
    if (!(await store.read(folder, name))) await store.write(folder, name, toBytes(value))
  }
  await ensure(ABOUT, { address, label })
  await ensure(recordName(key), record)
}

async function readKept(options: ShelfOptions, folder: string): Promise<ReadonlyMap<string, KeptFile>> {
  const { store, onChange } = options
  const names = await store.names(folder)
  const all = names.flatMap((name) => parsePiece(name) ?? [])
  const newest = new Map<string, { key: string; record: FileRecord }>()
  for (const key of names.flatMap((name) => recordKey(name) ?? [])) {
    const record = parseRecord(await store.read(folder, recordName(key)))
    if (record && record.keptAt >= (newest.get(record.file)?.record.keptAt ?? 0)) newest.set(record.file, { key, record })
  }
  return new Map(
    [...newest].map(([file, { key, record }]) => {
      const pieces = all.filter((piece) => piece.key === key)
      const ensure = (): Promise<void> => ensureRecord(options, folder, key, record)
      const isVerified = names.includes(verifiedName(key))
      return [file, keptFile({ store, folder, key, record, pieces, isVerified, ensureRecord: ensure, onChange })]
    }),
  )
}

export async function openShelf(options: ShelfOptions): Promise<Shelf> {
  const { store, address, now, onChange } = options
  const folder = await keyOf(address)
  const files = new Map(await readKept(options, folder))
  const beginning = new Map<string, Promise<KeptFile>>()

  async function drop(file: string): Promise<void> {
    const kept = files.get(file)
    files.delete(file)
    if (!kept) return
    await kept.forget()
    await store.remove(folder, recordName(await keyOf(file, kept.record.version ?? '')))
  }

  async function begin(file: string, facts: FileFacts | null): Promise<KeptFile> {
    const version = facts?.version ?? null
    const known = files.get(file)
    if (known && known.record.version === version) return known
    await drop(file)
    const key = await keyOf(file, version ?? '')
    const record: FileRecord = { file, version, size: facts?.size ?? null, sha256: facts?.sha256 ?? null, keptAt: now() }
    const ensure = (): Promise<void> => ensureRecord(options, folder, key, record)
    await ensure()
    const kept = keptFile({ store, folder, key, record, pieces: [], isVerified: false, ensureRecord: ensure, onChange })
    files.set(file, kept)
    onChange()
    return kept
  }

  return {
    find: (file) => files.get(file) ?? null,
    begin: (file, facts) => {
      // Several readers of one file begin at once: the version is written by the first.
      const name = JSON.stringify([file, facts?.version])
      const running = beginning.get(name) ?? begin(file, facts).finally(() => beginning.delete(name))
      beginning.set(name, running)
      return running
    },
    drop,
  }
}
