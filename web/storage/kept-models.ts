/** What is kept of all checkpoints, for the page that lists and removes them. */
import { ABOUT, parseAbout, parsePiece, parseRecord, recordKey, recordName } from './piece-names.ts'
import type { StoredFile, StoredModel } from './model-store.ts'
import { coverOf } from './piece-cover.ts'
import type { PieceStore } from './piece-store.ts'

async function modelIn(store: PieceStore, folder: string): Promise<StoredModel | null> {
  const about = parseAbout(await store.read(folder, ABOUT))
  if (!about) return null
  const names = await store.names(folder)
  const pieces = names.flatMap((name) => parsePiece(name) ?? [])
  const files: StoredFile[] = []
  let keptAt = 0
  for (const key of names.flatMap((name) => recordKey(name) ?? [])) {
    const record = parseRecord(await store.read(folder, recordName(key)))
    if (!record || record.version === null) continue
    const { parts } = coverOf(
      pieces.filter((piece) => piece.key === key),
      0,
      record.size ?? Number.MAX_SAFE_INTEGER,
    )
    files.push({ file: record.file, bytes: parts.reduce((sum, { start, end }) => sum + end - start, 0), sizeBytes: record.size })
    keptAt = Math.max(keptAt, record.keptAt)
  }
  const bytes = pieces.reduce((sum, { start, end }) => sum + end - start, 0)
  return { id: folder, name: about.label, address: about.address, bytes, files: files.sort((a, b) => (a.file < b.file ? -1 : 1)), keptAt }
}

/** Largest first. */
export async function listModels(store: PieceStore): Promise<readonly StoredModel[]> {
  const models: StoredModel[] = []
  for (const folder of await store.folders()) models.push(...[await modelIn(store, folder)].filter((model) => model !== null))
  return models.sort((a, b) => b.bytes - a.bytes)
}

/** @param id null = all of them, also what can no longer be read */
export async function removeModels(store: PieceStore, id: string | null): Promise<void> {
  for (const folder of id === null ? await store.folders() : [id]) await store.remove(folder)
}
