/** An answer under a grammar whose devices leave: the constraint is built anew from the tokens, wherever they are sampled next. */
import { expect, test } from 'vitest'
import { loadXgrammar } from '../../api-gateway/local-device-xgrammar.ts'
import { placementState } from '../../core/cluster/cluster-view.ts'
import { createConstraintSource } from '../../core/constrain/constraint-source.ts'
import { createSchemaGrammar } from '../../core/constrain/json-schema.ts'
import type { TokenBytes } from '../../core/text/token-bytes.ts'
import type { Grammar } from '../../protocol/grammar.ts'
import { createSimCluster, simPlacement, simRequest, simWish } from './sim-cluster.ts'
import { follow, type Stream } from './stream.ts'
import { TOY_VOCAB } from './toy-model.ts'

const STOP = TOY_VOCAB - 1
/** A token for each byte. */
const BYTES: TokenBytes = {
  vocabSize: TOY_VOCAB,
  bytesOf: (id) => Uint8Array.of(id),
  isSpecial: (id) => id === STOP,
  isRawByte: () => false,
  leadingSpaces: 0,
  longestToken: 1,
}
const schemas = createSchemaGrammar()
const ROOT = schemas.add(
  { type: 'object', properties: { a: { type: 'array', items: { type: 'string' }, minItems: 4 }, b: { type: 'integer' } }, required: ['a', 'b'] },
  's',
)
const GRAMMAR: Grammar = { ebnf: schemas.ebnf(ROOT), trigger: null, optional: false, markers: [] }
const LIMIT = 80

async function answer(leaves: number | null): Promise<Stream> {
  const constraints = createConstraintSource(loadXgrammar, async () => BYTES)
  const request = { source: '/models/toy', grammar: GRAMMAR, stopIds: [STOP], vocabSize: TOY_VOCAB }
  // Virtual time does not wait for files: the engine is there before it begins.
  ;(await constraints.open(request)).close()
  const cluster = createSimCluster({ seed: 1, constraints })
  const { client, network } = await cluster.addClient('client')
  for (let i = 0; i < 4; i++) await cluster.addDevice(`device-${i}`, 800)
  network.wish(simWish(3))
  const isServing = (): boolean => {
    const placement = simPlacement(network.view())
    return placement?.shards.length === 3 && placementState(network.view(), placement) === 'ready'
  }
  expect(await cluster.time.run(isServing, 30_000)).toBe(true)
  await cluster.time.run(() => false, 3_000)
  const sampling = { ...simRequest([], 1).sampling, temperature: 1, seed: '5' }
  const stream = follow(cluster.time, client.complete({ ...simRequest([5, 17, 40], LIMIT), sampling, stopIds: [STOP], grammar: GRAMMAR }))
  await cluster.time.run(() => stream.ids.length >= 15, 60_000)
  const owner = leaves === null ? undefined : simPlacement(network.view())?.shards[leaves]?.peerId
  const device = cluster.devices.find(({ id }) => id === owner)
  if (device) cluster.kill(device, 'closed')
  await cluster.time.run(() => stream.isDone, 200_000)
  return stream
}

test('is the same valid JSON when head or tail leaves in its middle', async () => {
  const whole = await answer(null)
  expect(whole.error).toBeNull()
  const text = new TextDecoder().decode(Uint8Array.from(whole.ids.filter((id) => id !== STOP)))
  expect(JSON.parse(text)).toEqual({ a: expect.any(Array), b: expect.any(Number) })
  expect(whole.ids.length).toBeGreaterThan(30)
  for (const index of [0, 2]) {
    const stream = await answer(index)
    expect(stream).toMatchObject({ error: null, ids: whole.ids, finish: whole.finish })
  }
})
