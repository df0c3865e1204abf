import { expect, test } from 'vitest'
import { ClusterError } from '../../protocol/errors.ts'
import type { Capabilities } from '../../protocol/cluster.ts'
import { createOffer } from './offer.ts'
import type { ShardLoader } from './shard-store.ts'

const PLEDGED: Capabilities = { backend: 'simd', weightFormats: ['int8'], floatType: 'f32', memoryBytes: 1000, threads: 1, hardware: '' }

function deviceThat(load: () => Promise<never>, needed = 1000) {
  const offers: (number | null)[] = []
  const words: string[] = []
  let published = 0
  const offer = createOffer({
    pledged: PLEDGED,
    setCapabilities: (capabilities) => void offers.push(capabilities?.memoryBytes ?? null),
    publish: () => void (published += 1),
    onChange: (sentence) => void words.push(sentence),
  })
  const watched = offer.watch(load, () => Promise.resolve(needed))
  // The loader under test looks at nothing of its request.
  const attempt = () =>
    Reflect.apply(watched, null, [{}]).then(
      () => 'loaded',
      (error: unknown) => (error instanceof ClusterError ? error.code : error),
    ) as ReturnType<ShardLoader>
  return { offer, offers, words, attempt, published: () => published }
}

test('16: memory that runs out while loading is offered no more, and the error goes on', async () => {
  const device = deviceThat(() => Promise.reject(new ClusterError('not_enough_memory', 'no')), 800)
  expect(await device.attempt()).toBe('not_enough_memory')
  expect(device.offers).toEqual([600])
  expect(device.words[0]).toMatch(/ran out/)
})

test('16: after running out again and again it withdraws, and changes nothing more', async () => {
  const device = deviceThat(() => Promise.reject(new ClusterError('not_enough_memory', 'no')))
  for (let i = 0; i < 12; i++) await device.attempt()
  expect(device.offers.slice(0, 3)).toEqual([750, 562, 421])
  expect(device.offers.at(-1)).toBeNull()
  expect(device.offers.filter((bytes) => bytes === null)).toHaveLength(1)
})

test('a pledge far above what was needed when memory ran out still leaves something to offer', async () => {
  const device = deviceThat(() => Promise.reject(new ClusterError('not_enough_memory', 'no')), 40)
  await device.attempt()
  expect(device.offers).toEqual([30])
})

test('other failures change no offer', async () => {
  const device = deviceThat(() => Promise.reject(new ClusterError('bad_checkpoint', 'no')))
  expect(await device.attempt()).toBe('bad_checkpoint')
  expect(device.offers).toEqual([])
})

test('17: what is used otherwise is kept from the offer, up to half of it, and told at once', () => {
  const device = deviceThat(() => Promise.reject(new Error('unused')))
  device.offer.reserve(300, 'storage is full')
  device.offer.reserve(300, 'storage is full')
  device.offer.reserve(900, 'storage is full')
  device.offer.reserve(0, 'there is room again')
  expect([device.offers, device.published()]).toEqual([[700, 500, 1000], 3])
})

test('16: memory that runs out while answers grow is offered no more: as much as is held, less each time, and at last nothing', () => {
  const device = deviceThat(() => Promise.reject(new Error('unused')))
  device.offer.ranOut(900)
  device.offer.ranOut(900)
  device.offer.ranOut(100)
  expect(device.offers).toEqual([900, 855, 641])
  expect(device.published()).toBe(3)
  expect(device.words[0]).toMatch(/while answers grew/)
  for (let i = 0; i < 12; i++) device.offer.ranOut(0)
  expect(device.offers.at(-1)).toBeNull()
})
