/** What this server wants served: the model it was started with, and whatever is asked for afterwards. */
import type { RingClient } from '../core/client/ring-client.ts'
import type { Network } from '../core/cluster/network.ts'
import type { Wish, WishState } from '../protocol/cluster.ts'
import { ClusterError } from '../protocol/errors.ts'
import type { ModelId } from '../protocol/ids.ts'
import type { CompletionBackend } from './completion-backend.ts'
import type { ModelCatalog } from './model-catalog.ts'
import type { PlacementRequest, PlacementWishes } from './routes/cluster.ts'

export type ModelWishes = PlacementWishes & {
  /** Wishes the model served, with these terms. */
  readonly set: (model: ModelId, change: Omit<PlacementRequest, 'model' | 'state'>) => Promise<void>
}

/** Terms of a wish that is only there to be taken back. */
const FORGOTTEN = { strategy: 'memory-weighted', quality: 'balanced', minDevices: 1, maxDevices: 1, state: 'forget' } as const
/** A wish that the signal server has not confirmed by then was lost with the connection. */
const CONFIRM_MS = 5_000

function seen(network: Network, test: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = network.onView(() => settle())
    const timer = setTimeout(() => {
      stop()
      reject(new ClusterError('deadline_exceeded', 'the signal server did not confirm the wish'))
    }, CONFIRM_MS)
    function settle(): void {
      if (!test()) return
      clearTimeout(timer)
      stop()
      resolve()
    }
    settle()
  })
}

export function createModelWishes(network: Network, models: ModelCatalog, localDevice: Wish['localDevice']): ModelWishes {
  const tell = async (wish: Wish): Promise<void> => {
    network.wish(wish)
    await seen(network, () => {
      const known = network.view().wishes.get(wish.model)
      const isSame = known?.minDevices === wish.minDevices && known.maxDevices === wish.maxDevices && known.strategy === wish.strategy
      return isSame && known.quality === wish.quality && known.state === wish.state
    })
  }
  const ask = async (model: ModelId, change: Omit<PlacementRequest, 'model'>): Promise<void> => {
    const { source } = await models.find(model)
    await tell({ model, source, contextLength: null, localDevice, ...change })
  }
  const become = async (model: ModelId, state: WishState): Promise<void> => {
    const known = network.view().wishes.get(model)
    if (known) await tell({ ...known, state })
  }
  const drop = async (model: ModelId): Promise<void> => {
    network.unwish(model)
    await seen(network, () => !network.view().wishes.has(model))
  }
  return {
    set: (model, change) => ask(model, { ...change, state: 'serve' }),
    ask: ({ model, ...change }) => ask(model, change),
    become,
    drop,
    forget: async (model) => {
      const known = network.view().wishes.get(model)
      if (known) await tell({ ...known, state: 'forget' })
      else await ask(model, FORGOTTEN)
      // Every peer has heard both, in this order: pages delete what they keep, then the wish is gone.
      await drop(model)
    },
  }
}

/** The ring client, which asks for a model on its first use: what GET /v1/models lists can be used without another step. */
export function wishingBackend(
  client: RingClient,
  network: Network,
  wishes: ModelWishes,
  models: ModelCatalog,
  defaults: Omit<PlacementRequest, 'model' | 'minDevices' | 'state'>,
): CompletionBackend {
  const want = async (model: ModelId): Promise<void> => {
    if (network.view().wishes.has(model)) return
    const { id } = await models.find(model)
    await wishes.set(id, { ...defaults, minDevices: 1 })
  }
  return {
    view: network.view,
    serving: client.serving,
    complete: async function* (request) {
      await want(request.model)
      yield* client.complete(request)
    },
    embed: async (request) => {
      await want(request.model)
      return client.embed(request)
    },
  }
}
