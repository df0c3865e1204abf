import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { describeModel } from './describe-model.ts'
import { splitNames } from './gguf-split.ts'
import { readGguf } from './gguf.ts'
import { memorySource } from './memory-source.ts'
import type { ModelSource } from './model-source.ts'

const WHOLE = readFileSync(new URL('../../tests/fixtures/gguf/llama/model.gguf', import.meta.url))
const ALIGNMENT = 32

const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer)
const u64 = (value: number): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer)
const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)])
/** A key of type uint16, as gguf-split writes them; of type int32 for the number of tensors. */
const key = (name: string, value: number, type = 2): Buffer => {
  const bytes = type === 2 ? Buffer.from(Uint16Array.of(value).buffer) : Buffer.from(Int32Array.of(value).buffer)
  return Buffer.concat([text(name), u32(type), bytes])
}

/** As `gguf-split --split` does: all metadata in the first part, in each the count of parts and its own number. */
async function split(count: number): Promise<ReadonlyMap<string, Uint8Array>> {
  const { metadata, tensors } = await readGguf(memorySource('whole', new Map([['m', WHOLE]])), 'm')
  const all = [...tensors].sort(([, a], [, b]) => a.start - b.start)
  const keys = WHOLE.subarray(24, WHOLE.indexOf(text(tensors.keys().next().value ?? '')))
  const share = Math.ceil(all.length / count)
  const parts = Array.from({ length: count }, (_, part) => {
    const own = all.slice(part * share, (part + 1) * share)
    const extra = [key('split.no', part), key('split.count', count), key('split.tensors.count', all.length, 5)]
    const infos: Buffer[] = []
    const data: Buffer[] = []
    for (const [name, { ggmlType, shape, start }] of own) {
      const end = all[all.findIndex(([other]) => other === name) + 1]?.[1].start ?? WHOLE.length
      const offset = data.reduce((sum, { length }) => sum + length, 0)
      infos.push(Buffer.concat([text(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(ggmlType), u64(offset)]))
      data.push(padded(WHOLE.subarray(start, end)))
    }
    const keyCount = (part === 0 ? metadata.size : 0) + extra.length
    const head = [Buffer.from('GGUF'), u32(3), u64(own.length), u64(keyCount), ...(part === 0 ? [keys] : []), ...extra, ...infos]
    return Buffer.concat([padded(Buffer.concat(head)), ...data])
  })
  return new Map(splitNames(`m-00001-of-0000${count}.gguf`, count).map((name, i) => [name, new Uint8Array(parts[i] ?? [])]))
}
const sourceOf = (files: ReadonlyMap<string, Uint8Array>): ModelSource => ({ ...memorySource('split', files), gguf: [...files.keys()][0] ?? '' })

test('a model in three parts is the model in one: the same configuration and every tensor byte for byte', async () => {
  const [whole, parts] = [{ ...memorySource('whole', new Map([['m.gguf', WHOLE]])), gguf: 'm.gguf' }, sourceOf(await split(3))]
  const [expected, found] = [await describeModel(whole), await describeModel(parts)]
  expect(found.config).toEqual(expected.config)
  expect([...found.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort())
  expect(new Set([...found.tensors.values()].map(({ file }) => file)).size).toBe(3)
  for (const [name, { file, start, end }] of found.tensors) {
    const location = expected.tensors.get(name)
    const bytes = await whole.readRange('m.gguf', location?.start ?? 0, location?.end ?? 0)
    expect(Buffer.compare(await parts.readRange(file, start, end), bytes), name).toBe(0)
  }
})

test('parts that are missing, in the wrong place or named out of order are refused by name', async () => {
  const files = await split(3)
  const [first = '', second = '', third = ''] = files.keys()
  await expect(describeModel(sourceOf(new Map([...files].slice(0, 2))))).rejects.toThrow(/m-00003-of-00003\.gguf/)
  const swapped = new Map([...files, [second, files.get(third) ?? WHOLE]])
  await expect(describeModel(sourceOf(swapped))).rejects.toThrow(/m-00002-of-00003\.gguf is not part 2/)
  const renamed = new Map([['model.gguf', files.get(first) ?? WHOLE]])
  await expect(describeModel(sourceOf(renamed))).rejects.toThrow(/model\.gguf is one of 3 parts/)
  expect(() => splitNames(second, 3)).toThrow(/part 2 of 3; name the first one/)
})
