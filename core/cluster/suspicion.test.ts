import { expect, test } from 'vitest'
import { IDLE_STATUS, type PeerEntry } from '../../protocol/cluster.ts'
import { peerId, type PeerId } from '../../protocol/ids.ts'
import { suspectedPeers } from './suspicion.ts'

const roster = (suspicions: Readonly<Record<string, readonly string[]>>): ReadonlyMap<PeerId, PeerEntry> =>
  new Map(
    Object.entries(suspicions).map(([name, suspects], joined) => {
      const id = peerId(name)
      return [id, { id, name, role: 'device', joined, capabilities: null, status: { ...IDLE_STATUS, suspects: suspects.map(peerId) } }]
    }),
  )
const outOf = (suspicions: Readonly<Record<string, readonly string[]>>): readonly string[] => [...suspectedPeers(roster(suspicions))].sort()

test('nobody is suspected where nobody accuses', () => expect(outOf({ aaaa: [], bbbb: [] })).toEqual([]))
test('one accuser is enough', () => expect(outOf({ aaaa: [], bbbb: ['cccc'], cccc: [] })).toEqual(['cccc']))
test('who is cut off from everybody is out, and those it accuses are not', () =>
  expect(outOf({ aaaa: ['bbbb', 'cccc'], bbbb: ['aaaa'], cccc: ['aaaa'] })).toEqual(['aaaa']))
test('who misses everybody, and is missed by nobody, is cut off itself', () =>
  expect(outOf({ aaaa: ['bbbb', 'cccc'], bbbb: [], cccc: [] })).toEqual(['aaaa']))
test('of two that accuse each other the later one is out', () => expect(outOf({ aaaa: ['bbbb'], bbbb: ['aaaa'], cccc: [] })).toEqual(['bbbb']))
test('peers that are gone, and oneself, are no suspects', () => expect(outOf({ aaaa: ['aaaa', 'gone'], bbbb: [] })).toEqual([]))
test('two frozen devices are both out', () => expect(outOf({ aaaa: ['bbbb'], bbbb: [], cccc: ['dddd'], dddd: [] })).toEqual(['bbbb', 'dddd']))
