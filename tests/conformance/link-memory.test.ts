import { describe, test } from 'vitest'
import { createMemoryLinks, type MemoryNetworkOptions } from '../../core/link/memory-link.ts'
import { peerId } from '../../protocol/ids.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { createLinkEnd } from './link-end.ts'
import { linkCases, type LinkPairUnderTest } from './link-suite.ts'

/** A generator with a fixed seed (mulberry32), so that a failure repeats itself. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const NETWORKS: Readonly<Record<string, Omit<MemoryNetworkOptions, 'clock'>>> = {
  'without delay': {},
  'with 5 ms delay, 5 ms jitter, 2 % loss, 5 % duplicates': {
    delayMs: 5,
    jitterMs: 5,
    loss: 0.02,
    retransmitMs: 10,
    duplicate: 0.05,
    random: seeded(7),
  },
  'of 10 MB/s': { delayMs: 2, bandwidth: 10e6 },
}

function openPair(network: Omit<MemoryNetworkOptions, 'clock'>): LinkPairUnderTest {
  const links = createMemoryLinks({ ...network, clock: systemClock, peers: [peerId('peer-a'), peerId('peer-b')], beatMs: 300 })
  return {
    a: createLinkEnd(links.a),
    b: createLinkEnd(links.b),
    killB: async () => links.freeze(),
    close: async () => {
      links.a.close()
      links.b.close()
    },
  }
}

for (const [name, network] of Object.entries(NETWORKS)) {
  describe(`memory link ${name}`, () => {
    for (const { name: behaviour, run } of linkCases) {
      test(
        behaviour,
        async () => {
          const pair = openPair(network)
          try {
            await run(pair)
          } finally {
            await pair.close()
          }
        },
        30_000,
      )
    }
  })
}
