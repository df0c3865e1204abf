/** More questions than there is memory for: they wait in line, hear where they stand, and beyond the line they are told when to come back. */
import { expect, test } from 'vitest'
import { placementState } from '../../core/cluster/cluster-view.ts'
import type { CompletionEvent } from '../../core/client/ring-client.ts'
import { createSimCluster, simPlacement, simRequest, simWish, type SimClient, type SimCluster } from './sim-cluster.ts'
import { follow } from './stream.ts'
import { toyAnswer } from './toy-model.ts'

const TOKENS = 30
const promptOf = (stream: number): number[] => [3 + stream, 90, 41]

/** Two devices, with memory for two KV caches each. */
async function ring(mostWaiting: number): Promise<{ cluster: SimCluster; client: SimClient; most: () => number }> {
  const cluster = createSimCluster({ seed: 4, paths: { delayMs: 5 }, cacheBytes: 250, newCacheBytes: 100, mostWaiting })
  const client = await cluster.addClient('client')
  for (const name of ['device-0', 'device-1']) await cluster.addDevice(name, 400)
  client.network.wish(simWish(2, 2))
  const isServing = (): boolean => {
    const placement = simPlacement(client.network.view())
    return placement?.shards.length === 2 && placementState(client.network.view(), placement) === 'ready'
  }
  expect(await cluster.time.run(isServing, 30_000)).toBe(true)
  await cluster.time.run(() => false, 1_000)
  let most = 0
  const shards = cluster.devices.map((device) => device.shards)
  const count = (): void => {
    most = Math.max(most, ...shards.map((held) => held.caches()))
    cluster.time.timer(5, count)
  }
  count()
  return { cluster, client, most: () => most }
}

async function* recorded(events: AsyncGenerator<CompletionEvent>, into: CompletionEvent[]): AsyncGenerator<CompletionEvent, void, undefined> {
  for await (const event of events) {
    into.push(event)
    yield event
  }
}

test('six questions, memory for two: all are answered, two at a time, and those in line hear their place and when it may be their turn', async () => {
  const { cluster, client, most } = await ring(10)
  const events: CompletionEvent[][] = Array.from({ length: 6 }, () => [])
  const streams = events.map((own, i) => follow(cluster.time, recorded(client.client.complete(simRequest(promptOf(i), TOKENS)), own)))
  expect(await cluster.time.run(() => streams.every((stream) => stream.isDone), 120_000)).toBe(true)
  expect(streams.map(({ ids }) => ids)).toEqual(streams.map((_, i) => toyAnswer(promptOf(i), TOKENS)))
  expect(most()).toBe(2)
  const queues = events.map((own) => own.flatMap((event) => (event.type === 'progress' && event.queue ? [event.queue] : [])))
  const places = queues.map((own) => own.map(({ position }) => position))
  expect(places.filter((own) => own.length > 0)).toHaveLength(4)
  expect(Math.max(...places.flat())).toBe(4)
  for (const own of places) expect(own).toEqual([...own].sort((a, b) => b - a))
  // Once an answer has ended, the time until a turn is known.
  expect(queues.flat().some(({ etaMs }) => etaMs !== null && etaMs > 0)).toBe(true)
})

test('beyond the line a question is refused with the time after which another try makes sense, and the others are answered', async () => {
  const { cluster, client } = await ring(1)
  const streams = Array.from({ length: 4 }, (_, i) => follow(cluster.time, client.client.complete(simRequest(promptOf(i), TOKENS))))
  expect(await cluster.time.run(() => streams.every((stream) => stream.isDone), 120_000)).toBe(true)
  const refused = streams.filter(({ error }) => error !== null)
  expect(refused).toHaveLength(1)
  expect(refused[0]?.error).toMatchObject({ code: 'queue_full', detail: { retryAfterSeconds: 1 } })
  expect(streams.filter(({ ids }) => ids.length === TOKENS)).toHaveLength(3)
})

test('a question that is cancelled while it waits leaves the line', async () => {
  const { cluster, client } = await ring(10)
  const abort = new AbortController()
  const running = [0, 1].map((i) => follow(cluster.time, client.client.complete(simRequest(promptOf(i), TOKENS))))
  await cluster.time.run(() => running.every(({ ids }) => ids.length > 2), 10_000)
  const cancelled = follow(cluster.time, client.client.complete(simRequest(promptOf(2), TOKENS, abort.signal)))
  const waiting = follow(cluster.time, client.client.complete(simRequest(promptOf(3), TOKENS)))
  await cluster.time.run(() => false, 50)
  abort.abort()
  expect(await cluster.time.run(() => [...running, waiting, cancelled].every((stream) => stream.isDone), 120_000)).toBe(true)
  expect(cancelled.error).toMatchObject({ code: 'cancelled' })
  expect(cancelled.ids).toEqual([])
  expect(waiting.ids).toEqual(toyAnswer(promptOf(3), TOKENS))
  await cluster.time.run(() => false, 2_000)
  expect(cluster.devices.map(({ node }) => node.status().sequences)).toEqual([0, 0])
})
