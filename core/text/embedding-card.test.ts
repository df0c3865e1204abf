import { expect, test } from 'vitest'
import { memorySource } from '../model/memory-source.ts'
import { ggufPooling } from '../../tests/harness/gguf-pooling.ts'
import { readEmbeddingCard } from './embedding-card.ts'

const cardOf = (pooling: Parameters<typeof ggufPooling>[0], readme = '') => {
  const files = new Map<string, Uint8Array>([
    ['m.gguf', ggufPooling(pooling)],
    ['README.md', new TextEncoder().encode(readme)],
  ])
  return readEmbeddingCard({ ...memorySource('test', files), gguf: 'm.gguf' })
}

test('a GGUF file says how it pools: by the mean or the last token; none is no model of embeddings, others are refused by name', async () => {
  expect(await cardOf('mean')).toEqual({ pooling: 'mean', normalizes: true, cuts: false, prompt: '' })
  expect(await cardOf('last', 'Trained with MRL.')).toEqual({ pooling: 'last', normalizes: true, cuts: true, prompt: '' })
  expect(await cardOf('none')).toBeNull()
  await expect(cardOf('cls')).rejects.toMatchObject({ code: 'unsupported_field', message: expect.stringContaining('cls') })
  await expect(cardOf('rank')).rejects.toMatchObject({ code: 'unsupported_field' })
})
