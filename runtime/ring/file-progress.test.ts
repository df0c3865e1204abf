import { expect, test } from 'vitest'
import type { ModelSource } from '../../core/model/model-source.ts'
import { watchFiles, type FileProgress } from './file-progress.ts'

const FILES: readonly FileProgress[] = [
  { file: 'a.safetensors', loadedBytes: 0, totalBytes: 10 },
  { file: 'b.safetensors', loadedBytes: 0, totalBytes: 4 },
]
/** Gives zeros, in two pieces. */
const source: ModelSource = {
  label: 'zeros',
  readText: async () => null,
  readRange: async (_file, start, end, { onBytes } = {}) => {
    onBytes?.(1)
    onBytes?.(end - start - 1)
    return new Uint8Array(end - start)
  },
}

test('tells of each file how far it is, the reader hears of its bytes too, and a file is never beyond its end', async () => {
  const told: string[] = []
  let heard = 0
  const watched = watchFiles(source, FILES, (files) => told.push(files.map(({ loadedBytes }) => loadedBytes).join('+')))
  await watched.readRange('a.safetensors', 0, 6, { onBytes: (count) => (heard += count) })
  await watched.readRange('b.safetensors', 0, 4)
  await watched.readRange('a.safetensors', 0, 6)
  expect(told).toEqual(['0+0', '1+0', '6+0', '6+1', '6+4', '7+4', '10+4'])
  expect(heard).toBe(6)
})
