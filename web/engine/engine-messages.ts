/** Between a page and its engine worker, beside the peer port: what the page asks, and what it is told. */
import type { Capabilities, ShardReport } from '../../protocol/cluster.ts'
import type { WireError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { StorageState, StoredModel } from '../storage/model-store.ts'
import type { ChatEvent, ChatRequest } from './page-engine.ts'
import type { Visibility } from './page-life.ts'

/** The first message, which brings the port that all others take. `token`: join token or API key from the link. */
export type PageOpening = { readonly type: 'page-port'; readonly token: string | null }

export type PageToEngine =
  /** `candidates`: one for each backend that is possible. `known`: measurements that the page keeps. `machine`: the browser's version. */
  | { readonly type: 'lend'; readonly candidates: readonly Capabilities[]; readonly known: string | null; readonly machine: string }
  | { readonly type: 'pause'; readonly paused: boolean }
  | { readonly type: 'visibility'; readonly visibility: Visibility }
  | { readonly type: 'leave'; readonly ticket: number }
  | { readonly type: 'ask'; readonly ask: number; readonly request: Omit<ChatRequest, 'signal'> }
  | { readonly type: 'cancel'; readonly ask: number }
  /** Paths to the ring of a model, and its tokenizer. */
  | { readonly type: 'prepare'; readonly model: ModelId }
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
  /** What the device offers, once that is decided and whenever it changes. */
  | { readonly type: 'lends'; readonly capabilities: Capabilities }
  /** To be kept for the next time. */
  | { readonly type: 'measured'; readonly known: string }
  | { readonly type: 'gpu-lost' }
  /** The device offers less than its person lent, or nothing any more, and why. */
  | { readonly type: 'notice'; readonly sentence: string }
  | { readonly type: 'left'; readonly ticket: number }
  /** Also when what is kept has changed. */
  | { readonly type: 'storage'; readonly state: StorageState }
  | { readonly type: 'models'; readonly ticket: number; readonly models: readonly StoredModel[] }
  | { readonly type: 'models-failed'; readonly ticket: number; readonly error: WireError }
  | { readonly type: 'chat'; readonly ask: number; readonly event: ChatEvent }
  | { readonly type: 'chat-failed'; readonly ask: number; readonly error: WireError }
