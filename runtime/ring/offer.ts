/** What a device offers, as it learns that it has less: memory that ran out is not offered again. */
import type { Capabilities } from '../../protocol/cluster.ts'
import { toClusterError } from '../../protocol/errors.ts'
import type { ShardLoader } from './shard-store.ts'

/** Of what was needed when memory ran out, the next offer is this share. */
const SHRINK = 0.75
/** It becomes less each time, whatever is held. */
const MOST_KEPT = 0.95
/** Below this share of what memory first ran out at the device takes part no more. */
const LEAST_SHARE = 1 / 8
/** Memory that is kept from the offer for something else is at most this share of it. */
const MOST_RESERVED = 0.5

export type OfferOptions = {
  readonly pledged: Capabilities
  /** Withdraws the device from placement with null. The next status carries it. */
  readonly setCapabilities: (capabilities: Capabilities | null) => void
  /** Sends a status now. */
  readonly publish: () => void
  readonly onChange: (sentence: string) => void
}

export type Offer = {
  /**
   * The same loader, which offers less when memory runs out, before it says so.
   * @param neededBytes what a shard was thought to need
   */
  readonly watch: (load: ShardLoader, neededBytes: (request: Parameters<ShardLoader>[0]) => Promise<number>) => ShardLoader
  /** Memory ran out while KV caches grew: no more is offered than what is `held` now, or the usual share of it where that is more. */
  readonly ranOut: (heldBytes: number) => void
  /** Says more of the device than what it pledged; how much memory it offers stays. */
  readonly describe: (capabilities: Capabilities | null) => void
  /** What is offered now. */
  readonly memoryBytes: () => number
  /** So many bytes are used otherwise, from now on. */
  readonly reserve: (bytes: number, sentence: string) => void
}

const mib = (bytes: number): string => `${Math.max(1, Math.round(bytes / 2 ** 20))} MiB`

export function createOffer({ pledged, setCapabilities, publish, onChange }: OfferOptions): Offer {
  let described = pledged
  let usable = pledged.memoryBytes
  let reserved = 0
  let isOut = false
  /** What was needed when memory first ran out. */
  let first: number | null = null

  const offered = (): number => Math.floor(usable - Math.min(reserved, usable * MOST_RESERVED))

  function state(sentence: string): void {
    const memoryBytes = offered()
    isOut = first !== null && memoryBytes < first * LEAST_SHARE
    setCapabilities(isOut ? null : { ...described, memoryBytes })
    onChange(isOut ? 'This device ran out of memory again and again: it takes no layers any more.' : sentence)
  }

  return {
    watch: (load, neededBytes) => async (request) => {
      try {
        return await load(request)
      } catch (error) {
        if (toClusterError(error).code === 'not_enough_memory' && !isOut) {
          const needed = await neededBytes(request).catch(() => usable)
          first ??= Math.min(usable, needed)
          usable = SHRINK * Math.min(usable, needed)
          state(`Memory ran out while layers were loaded, so this device now offers ${mib(usable)}.`)
        }
        throw error
      }
    },
    ranOut: (heldBytes) => {
      if (isOut) return
      first ??= usable
      usable = Math.floor(Math.min(MOST_KEPT * usable, Math.max(heldBytes, SHRINK * usable)))
      state(`Memory ran out while answers grew, so this device now offers ${mib(usable)}.`)
      publish()
    },
    memoryBytes: offered,
    describe: (capabilities) => {
      if (capabilities) described = capabilities
      if (!isOut) setCapabilities(capabilities && { ...capabilities, memoryBytes: offered() })
    },
    reserve: (bytes, sentence) => {
      if (bytes === reserved || isOut) return
      reserved = bytes
      state(sentence)
      publish()
    },
  }
}
