import { expect, test } from 'vitest'
import { isLongPaste, pastedFile, takeFile } from './attachments.ts'
import { fencedFile } from './chat-turns.ts'

const file = (name: string, content: string | Uint8Array<ArrayBuffer>, type = '') => new File([content], name, { type })

test('text files are taken as they are, whatever their name', async () => {
  expect(await takeFile(file('notes.md', '# Hé 🦊\n'))).toEqual({ attachment: { name: 'notes.md', text: '# Hé 🦊\n' } })
  expect(await takeFile(file('data', 'a,b', 'text/csv'))).toEqual({ attachment: { name: 'data', text: 'a,b' } })
})

test('an image is refused in a sentence that says why and what to do', async () => {
  const taken = await takeFile(file('cat.png', Uint8Array.of(137, 80, 78, 71), 'image/png'))
  expect(taken).toEqual({ refusal: expect.stringMatching(/^cat\.png is an image\. The models here read text only/) })
})

test('what is no text and what is too large is refused', async () => {
  expect(await takeFile(file('a.bin', Uint8Array.of(0xff, 0xfe, 0)))).toMatchObject({ refusal: expect.stringContaining('not a text file') })
  expect(await takeFile(file('b.bin', 'a\u0000b'))).toMatchObject({ refusal: expect.stringContaining('not a text file') })
  expect(await takeFile(file('big.txt', 'x'.repeat(1024 * 1024 + 1)))).toMatchObject({ refusal: expect.stringContaining('larger than 1 MB') })
  expect(await takeFile(file('a.mp3', 'x', 'audio/mpeg'))).toMatchObject({ refusal: expect.stringContaining('recording') })
})

test('a long paste becomes a file with a name of its own', () => {
  expect([isLongPaste('x'.repeat(4001)), isLongPaste('\n'.repeat(80)), isLongPaste('x'.repeat(4000))]).toEqual([true, true, false])
  const first = pastedFile('a', [])
  expect([first.name, pastedFile('b', [first]).name]).toEqual(['Pasted text.txt', 'Pasted text 2.txt'])
})

test('a file stands in the question behind a fence that it does not hold', () => {
  expect(fencedFile({ name: 'x.md', text: '````js\n````' })).toBe('File x.md:\n`````\n````js\n````\n`````')
})
