import { expect, test } from 'vitest'
import { listModels } from './kept-models.ts'
import { memoryPieces } from './memory-pieces.ts'
import { ABOUT } from './piece-names.ts'
import type { PieceStore } from './piece-store.ts'
import { openShelf } from './shelf.ts'

/** A store that is busy when it is first told which checkpoint a folder is of. */
function busyAtFirst(): PieceStore {
  const store = memoryPieces()
  let isBusy = true
  return {
    ...store,
    write: async (folder, name, bytes) => {
      if (name !== ABOUT || !isBusy) return store.write(folder, name, bytes)
      isBusy = false
      return 'busy'
    },
  }
}

test('a record that could not be written comes with the next piece, so that no bytes are kept that no list shows', async () => {
  const store = busyAtFirst()
  const shelf = await openShelf({ store, address: 'https://hub.example/org/name', label: 'org/name', now: () => 7, onChange: () => undefined })
  const kept = await shelf.begin('model.safetensors', { version: 'v1', size: 4, sha256: null })
  expect(await listModels(store)).toEqual([])
  await kept.write(0, new Uint8Array(4))
  expect(await listModels(store)).toMatchObject([{ name: 'org/name', bytes: 4, files: [{ file: 'model.safetensors', bytes: 4 }] }])
})
