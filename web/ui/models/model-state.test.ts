import { expect, test } from 'vitest'
import { applyEvent, EMPTY_VIEW } from '../../../core/cluster/cluster-view.ts'
import { modelId } from '../../../protocol/ids.ts'
import { modelStatesView } from '../../../tests/fixtures/ui/model-scenario.ts'
import { modelState } from './model-state.ts'
import { createTransferSpeeds } from '../parts/transfer-speed.ts'

const speeds = createTransferSpeeds(() => 0)
const stateOf = (id: string, view = modelStatesView()) => modelState(view, modelId(id), speeds, false)

test('what is not wished can be used or only downloaded; what is on the server says so', () => {
  expect(stateOf('org/none')).toMatchObject({ kind: 'absent', text: 'Not here yet', actions: ['use', 'download'] })
  expect(modelState(EMPTY_VIEW, modelId('org/none'), speeds, true).text).toBe('On this server, not loaded')
})

test('each state has its words, its devices and its next step', () => {
  expect(stateOf('ember')).toMatchObject({ kind: 'ready', text: 'Ready over 2 devices', actions: ['ask', 'stop'] })
  expect(stateOf('Qwen/Qwen3-0.6B')).toMatchObject({
    kind: 'loading',
    text: 'Downloading 25 % over 2 devices',
    rows: [
      { device: 'Kitchen laptop', layers: 'layers 0–3', detail: '214 MB of 600 MB', percent: 35 },
      { device: 'Studio Mac', layers: 'layers 4–7', detail: '96 MB of 600 MB', percent: 16 },
    ],
    actions: ['stop'],
  })
  expect(stateOf('HuggingFaceTB/SmolLM2-135M-Instruct')).toMatchObject({
    kind: 'stopped',
    text: 'Stopped at 35 %',
    rows: [{ detail: 'stopped at 120 MB of 600 MB' }, { detail: 'stopped at 300 MB of 600 MB' }],
    actions: ['resume'],
  })
  expect(stateOf('org/fetched')).toMatchObject({ kind: 'stored', text: 'Downloaded over 2 devices, not loaded', actions: ['use'] })
  expect(stateOf('meta-llama/Llama-3.1-8B-Instruct')).toMatchObject({
    kind: 'failed',
    text: 'Not enough memory',
    note: expect.stringMatching(/of its 32 layers Kitchen laptop has room for 9/),
    actions: ['retry'],
  })
  expect(stateOf('org/uploaded')).toMatchObject({
    kind: 'failed',
    text: 'Studio Mac could not load layers 4–7',
    rows: [{ isFailed: false }, { isFailed: true, detail: expect.stringMatching(/no access \(403\)/) }],
    actions: ['retry', 'stop'],
  })
})

test('a model that is being deleted offers nothing; one without a placement waits for a device', () => {
  const view = modelStatesView()
  const wish = view.wishes.get(modelId('ember'))
  if (!wish) throw new Error('no wish')
  expect(stateOf('ember', applyEvent(view, { type: 'wish-set', wish: { ...wish, state: 'forget' } }))).toMatchObject({ kind: 'waiting', actions: [] })
  expect(stateOf('ember', applyEvent(EMPTY_VIEW, { type: 'wish-set', wish }))).toMatchObject({ kind: 'waiting', text: 'Waiting for a device' })
})
