import { expect, test } from 'vitest'
import { FIXTURE_CATALOG } from '../../../tests/fixtures/ui/catalog.ts'
import { SCENARIOS } from '../../../tests/fixtures/ui/scenarios.ts'
import { catalogSchema } from '../../../protocol/catalog.ts'
import { createTransferSpeeds } from '../parts/transfer-speed.ts'
import { modelChoices } from './model-choices.ts'

const CARDS = catalogSchema.parse(FIXTURE_CATALOG).data
const choices = (scenario: keyof typeof SCENARIOS, cards: typeof CARDS | null = CARDS) => modelChoices(SCENARIOS[scenario].view, cards, createTransferSpeeds(() => 0)) // prettier-ignore

test('what can be asked comes first, then what can be loaded, then what cannot, each once', () => {
  const all = choices('models')
  const leads = all.map((choice) => choice.leads)
  expect(leads).toEqual(leads.toSorted((a, b) => ['ask', 'load', 'none'].indexOf(a) - ['ask', 'load', 'none'].indexOf(b)))
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
  expect(leads).toEqual(expect.arrayContaining(['ask', 'load', 'none']))
})

test('each says where it stands, and by how much it is too big', () => {
  const stateOf = (id: string) => choices('models').find((choice) => choice.id === id)
  expect(stateOf('ember')).toMatchObject({ leads: 'ask', state: 'Ready over 2 devices', tone: 'ready' })
  for (const choice of choices('models').filter(({ leads }) => leads === 'none')) expect(choice.state.length, choice.id).toBeGreaterThan(10)
  const short = CARDS.find(({ fit }) => fit?.state === 'short')
  const fits = CARDS.find(({ id, fit }) => fit?.state === 'fits' && !SCENARIOS.empty.view.wishes.has(id))
  const [tooBig] = modelChoices(
    SCENARIOS.empty.view,
    short ? [{ ...short, error: null }] : [],
    createTransferSpeeds(() => 0),
  ).filter(({ id }) => id === short?.id)
  expect(tooBig).toMatchObject({ leads: 'none', state: expect.stringMatching(/^Too big: [\d.]+ .?B of memory are missing$/) })
  const [loadable] = modelChoices(
    SCENARIOS.empty.view,
    fits ? [fits] : [],
    createTransferSpeeds(() => 0),
  ).filter(({ id }) => id === fits?.id)
  expect(loadable).toMatchObject({ leads: 'load', state: expect.stringMatching(/^Fits on \d+ devices?, .* to read$/) })
})

test('before the catalogue is known, what is served is', () => {
  expect(choices('ready', null).map(({ name, leads }) => [name, leads])).toEqual([['Ember', 'ask']])
})
