/** One end of a link under test, steered by plain values, so that it may sit in this process or in a page. */
import { crc32 } from '../../protocol/crc32.ts'
import { toClusterError, type ErrorCode } from '../../protocol/errors.ts'
import type { Link, LinkStats } from '../../core/link/link.ts'

/** A message made from a seed: no bytes travel between test and page. */
export type Recipe = { readonly seed: number; readonly bytes: number }
export type Receipt = { readonly bytes: number; readonly crc: number }
export type SendOutcome = 'sent' | ErrorCode

export type LinkEnd = {
  readonly path: () => Promise<string>
  /** Sends in turn, without waiting in between; outcomes in order. */
  readonly send: (recipes: readonly Recipe[], deadlineMs?: number) => Promise<readonly SendOutcome[]>
  /** Sends one after the other until one is not accepted; how many were, and why it ended. */
  readonly sendUntilRefused: (recipe: Recipe, deadlineMs: number, most: number) => Promise<{ accepted: number; outcome: SendOutcome }>
  /** Begins to read. Before, messages wait. */
  readonly listen: () => Promise<void>
  /** The next `count` messages, once they are there. */
  readonly received: (count: number) => Promise<readonly Receipt[]>
  /** Reason of the close, once closed. */
  readonly closed: () => Promise<string>
  /** Starts a send, closes at once, and gives its outcome. */
  readonly closeWhileSending: (recipe: Recipe) => Promise<SendOutcome>
  readonly stats: () => Promise<LinkStats>
  readonly close: () => Promise<void>
}

/** Bytes that differ from seed to seed and from place to place (xorshift32). */
export function contentOf({ seed, bytes }: Recipe): Uint8Array {
  const content = new Uint8Array(bytes)
  let state = (seed + 1) * 0x9e3779b1
  for (let i = 0; i < bytes; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    content[i] = state
  }
  return content
}

export const receiptOf = (content: Uint8Array): Receipt => ({ bytes: content.length, crc: crc32(content) })

const outcomeOf = (sending: Promise<void>): Promise<SendOutcome> =>
  sending.then(
    () => 'sent' as const,
    (thrown: unknown) => toClusterError(thrown).code,
  )

export function createLinkEnd(link: Link): LinkEnd {
  const receipts: Receipt[] = []
  let closedReason: string | null = null
  let check = (): void => undefined
  const until = (isReached: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const before = check
      check = () => {
        before()
        if (isReached()) resolve()
      }
      check()
    })
  link.onClose((reason) => {
    closedReason = reason
    check()
  })
  const send = (recipe: Recipe, deadlineMs?: number): Promise<SendOutcome> =>
    outcomeOf(link.send(contentOf(recipe), deadlineMs === undefined ? {} : { deadlineMs }))

  return {
    path: async () => link.path,
    send: (recipes, deadlineMs) => Promise.all(recipes.map((recipe) => send(recipe, deadlineMs))),
    sendUntilRefused: async (recipe, deadlineMs, most) => {
      for (let accepted = 0; accepted < most; accepted++) {
        const outcome = await send({ ...recipe, seed: recipe.seed + accepted }, deadlineMs)
        if (outcome !== 'sent') return { accepted, outcome }
      }
      return { accepted: most, outcome: 'sent' }
    },
    listen: async () =>
      link.onMessage((message) => {
        receipts.push(receiptOf(message))
        check()
      }),
    received: async (count) => {
      await until(() => receipts.length >= count)
      return receipts.splice(0, count)
    },
    closed: async () => {
      await until(() => closedReason !== null)
      return closedReason ?? ''
    },
    closeWhileSending: (recipe) => {
      const outcome = send(recipe)
      link.close()
      return outcome
    },
    stats: async () => link.stats(),
    close: async () => link.close(),
  }
}
