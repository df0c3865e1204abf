import { expect, test } from 'vitest'
import { viewOf } from '../../../core/cluster/cluster-view.ts'
import { peerId } from '../../../protocol/ids.ts'
import { EMBER, SCENARIOS, SELF, type Scenario } from '../../../tests/fixtures/ui/scenarios.ts'
import { deviceRows } from '../cluster/device-rows.ts'
import { readersPhrase, summarizeRing } from './ring-summary.ts'

const summary = ({ connection, view }: Scenario) => summarizeRing(connection, view, EMBER)
const withoutPeer = ({ connection, view, hardware }: Scenario, id: string): Scenario => ({
  connection,
  hardware,
  view: viewOf(
    [...view.peers.values()].filter((peer) => peer.id !== peerId(id)),
    [...view.wishes.values()],
    [...view.placements.values()],
  ),
})

test('says how a ready model is spread', () => {
  expect(summary(SCENARIOS.ready)).toEqual({ tone: 'ready', text: 'Ember · 8 layers over 3 devices · ready', wantsDevices: false })
  expect(summary(SCENARIOS.single).text).toBe('Ember · 8 layers on 1 device · ready')
})

test('counts loading by bytes and tells compiling from downloading', () => {
  expect(summary(SCENARIOS.loading)).toMatchObject({ tone: 'working', text: 'Ember · 8 layers over 3 devices · loading 84 %' })
  expect(summary(SCENARIOS.pair).text).toContain('compiling')
})

test('names the layers that are gone when a device left', () => {
  const broken = summary(withoutPeer(SCENARIOS.ready, 'studio'))
  expect(broken).toMatchObject({ tone: 'problem', wantsDevices: true })
  expect(broken.text).toContain('the device that held layers 4–5 left')
})

test('asks for a device when none holds the model, or when memory is short', () => {
  expect(summary(SCENARIOS.empty)).toMatchObject({ tone: 'problem', text: 'Ember · no devices hold it yet', wantsDevices: true })
  const { view, connection } = SCENARIOS.ready
  const placement = view.placements.get(EMBER)
  if (!placement) throw new Error('the scenario has a placement')
  const short = { ...placement, shards: [], problem: { code: 'not_enough_memory' as const, message: 'too big', missingBytes: 300 * 1024 ** 2 } }
  expect(summarizeRing(connection, viewOf([], [], [short]), EMBER).text).toBe('Ember · does not fit: 300 MB of memory are missing')
})

test('says why the page is not connected', () => {
  expect(summary(SCENARIOS.offline).text).toBe('Not connected: the server does not answer. Trying again…')
  expect(summary(SCENARIOS.refused).text).toBe('This cluster wants an invitation.')
})

test('names everybody who could read a chat, the server too while it passes it on or relays', () => {
  expect(readersPhrase(SCENARIOS.ready.view, EMBER, null, true)).toBe('Could read this chat: Kitchen laptop, Studio Mac, Pixel 8 and the server.')
  expect(readersPhrase(SCENARIOS.ready.view, EMBER, null, false)).toBe('Could read this chat: Kitchen laptop, Studio Mac and Pixel 8.')
  expect(readersPhrase(SCENARIOS.relayed.view, EMBER, null, false)).toBe('Could read this chat: Kitchen laptop, Studio Mac, Pixel 8 and the server.')
  expect(readersPhrase(SCENARIOS.single.view, EMBER, null, true)).toBe('Could read this chat: the server.')
  expect(readersPhrase(SCENARIOS.pair.view, EMBER, SELF, false)).toBe('Could read this chat: Kitchen laptop.')
  expect(readersPhrase(SCENARIOS.empty.view, EMBER, null, true)).toBeNull()
})

test('lists ring members in shard order, then spares, then who asks', () => {
  const rows = deviceRows(SCENARIOS.ready.view, peerId('tab-self'))
  expect(rows.map((row) => [row.name, row.state, row.order])).toEqual([
    ['Kitchen laptop', 'serving', 0],
    ['Studio Mac', 'serving', 1],
    ['Pixel 8', 'serving', 2],
    ['Old tablet', 'spare', null],
    ['API gateway', 'here', null],
    ['Chrome on Linux', 'here', null],
  ])
  expect(rows[0]).toMatchObject({
    layers: 'Ember layers 0–3',
    nextHop: '4.4 ms direct to Studio Mac',
    kind: 'WebGPU',
    weights: 'f16, 12 matrices exact, 16 requantized, largest error 0.041 %',
  })
})

test('the next hop tells how a direct path is reached and how fast it carries, once both are known', () => {
  const { view } = SCENARIOS.ready
  const [kitchen, mac] = ['Kitchen laptop', 'Studio Mac'].map((name) => [...view.peers.values()].find((peer) => peer.name === name))
  if (!kitchen || !mac) throw new Error('the fixture lacks a device')
  const pair = { protocol: 'udp' as const, rttMs: 4, bytesSent: 1, bytesReceived: 1, availableBytesPerSecond: null, retransmissions: null }
  const hop = (route: 'host' | 'srflx' | 'relay', arrivalBytesPerSecond: number): string | undefined => {
    const own = kitchen.status.links.map((link) => ({ ...link, pair: { ...pair, route }, arrivalBytesPerSecond: 1 }))
    // What the first sends is measured where it arrives.
    const back = { peerId: kitchen.id, path: 'webrtc' as const, rttMs: null, bytesPerSecond: null, arrivalBytesPerSecond }
    const peers = [
      { ...kitchen, status: { ...kitchen.status, links: own } },
      { ...mac, status: { ...mac.status, links: [back] } },
    ]
    return deviceRows(viewOf(peers, [], [...view.placements.values()]), null)[0]?.nextHop
  }
  expect(hop('host', 3 * 1024 ** 2)).toBe('4.4 ms direct to Studio Mac, 3 MB/s')
  expect(hop('srflx', 0)).toBe('4.4 ms direct across the internet to Studio Mac')
  expect(hop('relay', 500 * 1024)).toBe('4.4 ms direct by a TURN server to Studio Mac, 500 KB/s')
})
