import { expect, test } from 'vitest'
import { applyEvent, EMPTY_VIEW, type ClusterView } from '../../../core/cluster/cluster-view.ts'
import type { Upload } from '../../../protocol/catalog.ts'
import { ClusterError } from '../../../protocol/errors.ts'
import { modelId } from '../../../protocol/ids.ts'
import { FIXTURE_CATALOG } from '../../../tests/fixtures/ui/catalog.ts'
import { createFixtureEngine } from '../../../tests/fixtures/ui/fixture-engine.ts'
import { modelStatesView } from '../../../tests/fixtures/ui/model-scenario.ts'
import { SCENARIOS } from '../../../tests/fixtures/ui/scenarios.ts'
import type { CatalogClient } from '../../engine/catalog-client.ts'
import { createCatalogSession } from './catalog-session.ts'

const MODEL = modelId('org/mine')
const MIB = 2 ** 20

/** A server of arrays: keeps what is sent, and says what was asked. */
function server() {
  const calls: string[] = []
  const received = new Map<string, number>()
  let refusal: ClusterError | null = null
  let onPiece = (): void => undefined
  const note = async (call: string): Promise<void> => {
    calls.push(call)
    if (refusal) throw refusal
  }
  const upload = (): Upload => ({ model: MODEL, files: [...received].map(([name, count]) => ({ name, received: count, size: 10 * MIB })) })
  const client: CatalogClient = {
    list: async (quality) => (await note(`list ${quality}`), FIXTURE_CATALOG.data),
    lookUp: async (reference) => {
      await note(`look up ${reference}`)
      const [card] = FIXTURE_CATALOG.data
      if (!card) throw new Error('the fixture has no cards')
      return { ...card, id: MODEL }
    },
    place: (model, state, quality) => note(`place ${model} ${state} ${quality}`),
    change: (model, state) => note(`change ${model} ${state}`),
    drop: (model) => note(`drop ${model}`),
    remove: (model) => note(`remove ${model}`),
    uploads: async () => [],
    upload: async () => (received.size === 0 ? null : upload()),
    sendPiece: async (_model, file, { start, bytes }, signal) => {
      if (signal.aborted) throw new ClusterError('cancelled', 'stopped')
      calls.push(`piece ${file} ${start}+${bytes.size}`)
      received.set(file, start + bytes.size)
      onPiece()
    },
    finishUpload: (model) => note(`finish ${model}`),
    discardUpload: (model) => note(`discard ${model}`),
  }
  return {
    client,
    calls,
    refuse: (error: ClusterError | null) => (refusal = error),
    onPiece: (callback: () => void) => (onPiece = callback),
  }
}

function open(view: ClusterView = modelStatesView()) {
  const there = server()
  let current = view
  const listeners = new Set<() => void>()
  const { engine } = createFixtureEngine(SCENARIOS.models)
  const session = createCatalogSession(
    { ...engine, view: () => current, onChange: (listener) => (listeners.add(listener), () => listeners.delete(listener)) },
    there.client,
    () => 0,
  )
  const see = (next: ClusterView): void => {
    current = next
    for (const listener of listeners) listener()
  }
  return { ...there, session, see, view }
}

test('an action places what nobody wished for, with the chosen quality, and changes what is wished', async () => {
  const { session, calls } = open()
  await session.choose('small')
  for (const action of ['use', 'download'] as const) await session.act(MODEL, action)
  for (const action of ['stop', 'resume', 'retry'] as const) await session.act(modelId('ember'), action)
  expect(calls).toEqual([
    'list small',
    'place org/mine serve small',
    'place org/mine prefetch small',
    'change ember paused',
    'change ember serve',
    'drop ember',
    'place ember serve small',
  ])
})

test('what fails is said on the card of that model until it is tried again', async () => {
  const { session, refuse } = open()
  refuse(new ClusterError('model_not_found', 'there is no such model'))
  await session.act(MODEL, 'use')
  await session.lookUp('org/none')
  expect(session.state().failures.get(MODEL)).toMatchObject({ code: 'model_not_found' })
  expect(session.state().lookup).toMatchObject({ state: 'failed', error: { message: 'there is no such model' } })
  refuse(null)
  await session.act(MODEL, 'use')
  await session.lookUp(' org/mine ')
  expect(session.state().failures.size).toBe(0)
  expect(session.state()).toMatchObject({ lookup: { state: 'found', model: MODEL }, cards: [{ id: MODEL }] })
})

test('fits are asked for again when devices come or lend otherwise, and for no other change', async () => {
  const { session, calls, see, view } = open()
  session.onChange(() => undefined)
  await session.refresh()
  see(applyEvent(view, { type: 'wish-dropped', model: modelId('ember') }))
  expect(calls).toEqual(['list balanced'])
  see(EMPTY_VIEW)
  expect(calls).toEqual(['list balanced', 'list balanced'])
})

test('an upload that is stopped goes on from the byte that arrived, and is then finished', async () => {
  const { session, calls, onPiece } = open()
  const files = [
    { name: 'config.json', file: new Blob([new Uint8Array(10 * MIB)]) },
    { name: 'model.safetensors', file: new Blob([new Uint8Array(10 * MIB)]) },
  ]
  let pieces = 0
  onPiece(() => {
    pieces += 1
    if (pieces === 4) session.stopSending(MODEL)
  })
  await session.send(MODEL, files)
  expect(session.state().sending).toMatchObject([{ state: 'stopped', sentBytes: 14 * MIB, totalBytes: 20 * MIB }])
  await session.send(MODEL, files)
  expect(session.state().sending).toEqual([])
  expect(calls.filter((call) => !call.startsWith('list'))).toEqual([
    `piece config.json 0+${4 * MIB}`,
    `piece config.json ${4 * MIB}+${4 * MIB}`,
    `piece config.json ${8 * MIB}+${2 * MIB}`,
    `piece model.safetensors 0+${4 * MIB}`,
    `piece model.safetensors ${4 * MIB}+${4 * MIB}`,
    `piece model.safetensors ${8 * MIB}+${2 * MIB}`,
    'finish org/mine',
  ])
})
