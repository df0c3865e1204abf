import { expect, test } from 'vitest'
import { checkpointAddress } from './checkpoint-address.ts'

test.each([
  ['https://hub.example/org/name/resolve/main', null, 'org/name of hub.example'],
  ['https://hub.example/org/name/resolve/v1.0/', null, 'org/name@v1.0 of hub.example'],
  ['https://hub.example/mirror/org/name/resolve/refs%2Fpr%2F7/x/y-Q4_0.gguf', 'y-Q4_0.gguf', 'org/name/x/y-Q4_0.gguf@refs/pr/7 of hub.example'],
  [`https://hub.example/org/name/resolve/${'a1'.repeat(20)}`, null, 'org/name of hub.example'],
  ['http://127.0.0.1:8080/models/org/name', null, 'org/name'],
  ['http://127.0.0.1:8080/models/tiny.gguf', 'tiny.gguf', 'tiny.gguf'],
  ['https://files.example/a/b%20c.gguf?key=1', 'b c.gguf', 'b c.gguf of files.example'],
])('%s is the GGUF file %s, called %s', (address, gguf, label) => {
  expect(checkpointAddress(address)).toMatchObject({ gguf, label })
})

test('files lie beside a GGUF file and below a folder, each with the query of the address', () => {
  expect(checkpointAddress('https://a.example/x/m-00001-of-00002.gguf?s=1').urlOf('m-00002-of-00002.gguf')).toBe(
    'https://a.example/x/m-00002-of-00002.gguf?s=1',
  )
  expect(checkpointAddress('https://a.example/x').urlOf('sub/a b.json')).toBe('https://a.example/x/sub/a%20b.json')
})
