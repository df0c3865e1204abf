/** Between a page and its engine worker, beside the peer port: what the page asks, and what it is told. */
import type { Capabilities, ShardReport } from '../../protocol/cluster.ts'
import type { WireError } from '../../protocol/errors.ts'
import type { ChatEvent, ChatRequest } from './page-engine.ts'

export type PageToEngine =
  | { readonly type: 'lend'; readonly capabilities: Capabilities }
  | { readonly type: 'pause'; readonly paused: boolean }
  | { readonly type: 'leave'; readonly ticket: number }
  | { readonly type: 'ask'; readonly ask: number; readonly request: Omit<ChatRequest, 'signal'> }
  | { readonly type: 'cancel'; readonly ask: number }

export type EngineToPage =
  | {
      readonly type: 'device'
      readonly lending: 'off' | 'on' | 'paused' | 'failed'
      readonly shards: readonly ShardReport[]
      readonly sequences: number
      readonly framesHandled: number
      readonly layerMs: number | null
      readonly error: WireError | null
    }
  | { readonly type: 'left'; readonly ticket: number }
  | { readonly type: 'chat'; readonly ask: number; readonly event: ChatEvent }
  | { readonly type: 'chat-failed'; readonly ask: number; readonly error: WireError }
