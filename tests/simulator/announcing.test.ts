/** What happens while an announcer is deciding is decided on afterwards. */
import { expect, test } from 'vitest'
import { createSimCluster, simPlacement, simWish } from './sim-cluster.ts'

test('a wish that changes while the model is being read is placed once it is', async () => {
  const cluster = createSimCluster({ seed: 1, sizingMs: 3_000 })
  const client = await cluster.addClient('client')
  for (const name of ['first', 'second']) await cluster.addDevice(name, 800)
  client.network.wish(simWish(1))
  await cluster.time.run(() => false, 1_500)
  client.network.wish(simWish(2))
  expect(await cluster.time.run(() => simPlacement(client.network.view())?.shards.length === 2, 20_000)).toBe(true)
})
