import { expect, test } from 'vitest'
import { isModelId } from './ids.ts'

test.each([
  'ember',
  'org/name',
  'org/name@v1.0',
  'org/name@refs/pr/7',
  'tiny.gguf',
  'org/tiny.gguf',
  'org/name/tiny-Q4_K_M.gguf',
  'org/name@main/Q8_0/tiny-00001-of-00002.gguf',
])('%s names a model', (id) => expect(isModelId(id)).toBe(true))

test.each([
  '',
  '/x',
  'x/',
  'a/../b',
  '../a',
  'a/b/c',
  'a/b/c.safetensors',
  'a@',
  'a/b@x y',
  'a/b@../c',
  'a/b/.gguf',
  'a//b.gguf',
  '.a',
  'a\\b',
  'a'.repeat(97),
])('%j does not', (id) => expect(isModelId(id)).toBe(false))
