/**
 * The tabs of this browser that lend, and how one of them takes over from the others: two of them share one machine's memory, and what
 * either holds the other loads again (faults.md 12).
 */
import { z } from 'zod'
import { backendSchema, weightFormatSchema } from '../../protocol/cluster.ts'
import type { LendOptions } from './page-engine.ts'

/** A tab that lends answers in this time; one that does not is gone. */
const ANSWER_MS = 3_000

const tab = z.string().min(1).max(64)
const optionsSchema = z.object({
  name: z.string().max(256),
  backend: z.union([backendSchema, z.literal('auto')]),
  weightFormat: z.union([weightFormatSchema, z.literal('auto')]),
  memoryBytes: z.number().min(0),
  threads: z.number().int().min(0),
})
const messageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('who') }),
  z.object({ type: z.literal('lends'), tab }),
  z.object({ type: z.literal('ended'), tab }),
  z.object({ type: z.literal('take'), from: tab, by: tab }),
  z.object({ type: z.literal('given'), from: tab, by: tab, options: optionsSchema }),
])
type Message = z.infer<typeof messageSchema>

/** Reaches the other tabs of this origin: a BroadcastChannel. */
export type TabChannel = Pick<BroadcastChannel, 'postMessage' | 'close'> & {
  addEventListener: (type: 'message', listener: (event: { readonly data: unknown }) => void) => void
}

export type LendingTabsOptions = {
  readonly channel: TabChannel
  readonly timer: (delayMs: number, callback: () => void) => () => void
  /** Names this tab. */
  readonly self: string
  /** Another tab takes over: resolves once this one has let go, with what it lent. */
  readonly onTaken: () => Promise<LendOptions | null>
  readonly onChange: () => void
}

export type LendingTabs = {
  readonly lendsElsewhere: () => boolean
  readonly setLending: (isLending: boolean) => void
  /** The other tabs stop. Resolves with what one of them lent; null where none answers. */
  readonly takeOver: () => Promise<LendOptions | null>
  readonly close: () => void
}

export function createLendingTabs({ channel, timer, self, onTaken, onChange }: LendingTabsOptions): LendingTabs {
  const others = new Set<string>()
  const waiting = new Map<string, (options: LendOptions | null) => void>()
  let isLending = false
  const tell = (message: Message): void => channel.postMessage(message)

  const note = (id: string, lends: boolean): void => {
    const changed = lends ? !others.has(id) : others.has(id)
    if (lends) others.add(id)
    else others.delete(id)
    if (changed) onChange()
  }

  function handle(message: Message): void {
    switch (message.type) {
      case 'who':
        if (isLending) tell({ type: 'lends', tab: self })
        return
      case 'lends':
        return note(message.tab, true)
      case 'ended':
        return note(message.tab, false)
      case 'take':
        if (message.from === self)
          void onTaken().then((options) => {
            if (options) tell({ type: 'given', from: self, by: message.by, options })
          })
        return
      case 'given':
        if (message.by === self) waiting.get(message.from)?.(message.options)
    }
  }
  channel.addEventListener('message', ({ data }) => {
    const parsed = messageSchema.safeParse(data)
    if (parsed.success) handle(parsed.data)
  })
  tell({ type: 'who' })

  const take = (from: string): Promise<LendOptions | null> =>
    new Promise((resolve) => {
      const settle = (options: LendOptions | null): void => {
        stop()
        waiting.delete(from)
        note(from, false)
        resolve(options)
      }
      const stop = timer(ANSWER_MS, () => settle(null))
      waiting.set(from, settle)
      tell({ type: 'take', from, by: self })
    })

  return {
    lendsElsewhere: () => others.size > 0,
    setLending: (lends) => {
      if (lends === isLending) return
      isLending = lends
      tell({ type: lends ? 'lends' : 'ended', tab: self })
    },
    takeOver: async () => {
      const given = await Promise.all([...others].map(take))
      return given.find((options) => options !== null) ?? null
    },
    close: () => {
      if (isLending) tell({ type: 'ended', tab: self })
      channel.close()
    },
  }
}
