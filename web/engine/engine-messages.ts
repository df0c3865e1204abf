/** Between a page and its engine worker, beside the peer port: what the page asks, and what it is told. */
import type { Capabilities, ShardReport } from '../../protocol/cluster.ts'
import type { WireError } from '../../protocol/errors.ts'
import type { StorageState, StoredModel } from '../storage/model-store.ts'
import type { ChatEvent, ChatRequest } from './page-engine.ts'

export type PageToEngine =
  | { readonly type: 'lend'; readonly capabilities: Capabilities }
  | { readonly type: 'pause'; readonly paused: boolean }
  | { readonly type: 'leave'; readonly ticket: number }
  | { readonly type: 'ask'; readonly ask: number; readonly request: Omit<ChatRequest, 'signal'> }
  | { readonly type: 'cancel'; readonly ask: number }
  | { readonly type: 'list-models'; readonly ticket: number }
  /** `model` null: all of them. */
  | { readonly type: 'remove-models'; readonly ticket: number; readonly model: string | null }

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
  /** Also when what is kept has changed. */
  | { readonly type: 'storage'; readonly state: StorageState }
  | { readonly type: 'models'; readonly ticket: number; readonly models: readonly StoredModel[] }
  | { readonly type: 'models-failed'; readonly ticket: number; readonly error: WireError }
  | { readonly type: 'chat'; readonly ask: number; readonly event: ChatEvent }
  | { readonly type: 'chat-failed'; readonly ask: number; readonly error: WireError }
