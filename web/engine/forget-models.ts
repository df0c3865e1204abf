/** Deletes what this browser keeps of a model once it is wished forgotten, whether or not this page lends. */
import type { ClusterView } from '../../core/cluster/cluster-view.ts'
import type { Wish } from '../../protocol/cluster.ts'
import type { StoredModel } from '../storage/model-store.ts'

/** A download that was under way when the wish came may still write what it had in hand. */
const LATE_WRITES_MS = 2_000

export type ForgetModelsOptions = {
  readonly network: { readonly view: () => ClusterView; readonly onView: (listener: (view: ClusterView) => void) => () => void }
  readonly stored: { readonly list: () => Promise<readonly StoredModel[]>; readonly remove: (id: string) => Promise<void> }
  /** The address under which bytes of a wish's source are kept. */
  readonly addressOf: (source: string) => string
  readonly timer: (delayMs: number, callback: () => void) => () => void
  /** Told once for each wish. */
  readonly onForget: (wish: Wish) => void
  readonly log: (message: string, fields: Record<string, unknown>) => void
}

export function forgetModels({ network, stored, addressOf, timer, onForget, log }: ForgetModelsOptions): void {
  const done = new WeakSet<Wish>()

  async function remove(wish: Wish): Promise<void> {
    // Wished for again meanwhile: what is kept now is wanted.
    const state = network.view().wishes.get(wish.model)?.state
    if (state !== undefined && state !== 'forget') return
    const address = addressOf(wish.source).replace(/\/+$/, '')
    const kept = (await stored.list()).filter((model) => model.address.replace(/\/+$/, '') === address)
    for (const model of kept) await stored.remove(model.id)
  }
  const attempt = (wish: Wish): void => {
    remove(wish).catch((error: unknown) => log('a model could not be deleted from this browser', { model: wish.model, cause: String(error) }))
  }
  network.onView((view) => {
    for (const wish of view.wishes.values()) {
      if (wish.state !== 'forget' || done.has(wish)) continue
      done.add(wish)
      onForget(wish)
      attempt(wish)
      timer(LATE_WRITES_MS, () => attempt(wish))
    }
  })
}
