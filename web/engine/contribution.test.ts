import { expect, test } from 'vitest'
import { differenceOf, NOTHING_GIVEN, openContributionBook } from './contribution.ts'

function memoryStore(first: string | null = null) {
  let text = first
  return { getItem: () => text, setItem: (_key: string, value: string) => void (text = value) }
}
const GIVEN = { tokens: 7, requests: 1, bytesIn: 100, bytesOut: 50 }

test('what was given is there at the next visit, and two tabs add to one record', () => {
  const store = memoryStore()
  const [one, other] = [openContributionBook(store), openContributionBook(store)]
  one.add(GIVEN)
  other.add(GIVEN)
  expect(openContributionBook(store).total()).toEqual({ tokens: 14, requests: 2, bytesIn: 200, bytesOut: 100 })
})

test('without storage the visit is counted; a damaged record begins anew', () => {
  const bare = openContributionBook(null)
  bare.add(GIVEN)
  expect(bare.total()).toEqual(GIVEN)
  for (const text of ['{', '[1]', '{"tokens":-4,"requests":"many"}']) expect(openContributionBook(memoryStore(text)).total()).toEqual(NOTHING_GIVEN)
})

test('an engine that began anew takes nothing away', () => {
  expect(differenceOf(NOTHING_GIVEN, GIVEN)).toEqual(NOTHING_GIVEN)
})
