/** Chooses where pieces are kept: the private file system, else the Cache API, else memory; and says why. */
import { cachePieces } from './cache-pieces.ts'
import { memoryPieces } from './memory-pieces.ts'
import { opfsPieces } from './opfs-pieces.ts'
import type { PieceStore } from './piece-store.ts'

export type OpenedPieces = {
  readonly pieces: PieceStore
  /** Why it is this one, for the page. */
  readonly reason: string
}
/** What a browser may or may not have. */
export type StorageOfBrowser = {
  readonly isSecureContext: boolean
  readonly storage: StorageManager | undefined
  readonly caches: CacheStorage | undefined
}

const PROBE = 'probe'

/** A store that takes a piece and gives it back. @throws otherwise */
async function proven(opening: Promise<PieceStore>): Promise<PieceStore> {
  const pieces = await opening
  const name = `probe-${Math.random().toString(16).slice(2)}`
  if ((await pieces.write(PROBE, name, new Uint8Array([1, 2, 3]))) !== 'kept') throw new Error('it takes nothing')
  const back = await pieces.read(PROBE, name)
  await pieces.remove(PROBE, name)
  if (back?.join() !== '1,2,3') throw new Error('it does not give back what it took')
  return pieces
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message || error.name : String(error))

export async function openPieces({ isSecureContext, storage, caches }: StorageOfBrowser): Promise<OpenedPieces> {
  const memory = (why: string): OpenedPieces => ({ pieces: memoryPieces(), reason: `Models are kept in memory until this page closes: ${why}.` })
  if (!isSecureContext) return memory('browsers give storage only to pages by https or of this machine')
  const refusals: string[] = []
  if (storage && 'getDirectory' in storage) {
    try {
      return { pieces: await proven(opfsPieces(storage)), reason: "Models are kept in this browser's private file system." }
    } catch (error) {
      refusals.push(`the private file system cannot be used (${wordsOf(error)})`)
    }
  } else refusals.push('this browser has no private file system')
  if (caches) {
    try {
      return { pieces: await proven(cachePieces(caches)), reason: `Models are kept in this browser's cache: ${refusals.join('; ')}.` }
    } catch (error) {
      refusals.push(`its cache cannot be used (${wordsOf(error)})`)
    }
  } else refusals.push('and no cache')
  return memory(refusals.join('; '))
}
