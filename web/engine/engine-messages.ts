/** Between a page and its engine worker, beside the peer port: what the page asks, and what it is told. */
import type { Capabilities, ShardReport } from '../../protocol/cluster.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { Preview } from '../../core/cluster/preview.ts'
import type { WireError } from '../../protocol/errors.ts'
import type { FileProgress } from '../../runtime/ring/file-progress.ts'
import type { ShareEstimate } from '../../runtime/measure/estimate-share.ts'
import type { StorageState, StoredModel } from '../storage/model-store.ts'
import type { Contribution } from './contribution.ts'
import type { ChatEvent, ChatRequest, PreviewChange } from './page-engine.ts'
import type { Visibility } from './page-life.ts'

/** The first message, which brings the port that all others take. `token`: join token or API key from the link. */
export type PageOpening = { readonly type: 'page-port'; readonly token: string | null }

/** `candidates`: one for each backend that is possible. `known`: measurements that the page keeps. `machine`: the browser's version. */
type Trial = { readonly candidates: readonly Capabilities[]; readonly known: string | null; readonly machine: string }

export type PageToEngine =
  | ({ readonly type: 'lend'; readonly share: number } & Trial)
  /** Measures, and says what the device could hold, without joining. */
  | ({ readonly type: 'estimate'; readonly ticket: number } & Trial)
  | { readonly type: 'pause'; readonly paused: boolean }
  | { readonly type: 'visibility'; readonly visibility: Visibility }
  /** Part of the time that the device may compute, from now on. */
  | { readonly type: 'share'; readonly share: number }
  /** Once what runs has ended or moved on; with `now` at once, also when a leave waits. */
  | { readonly type: 'leave'; readonly ticket: number; readonly now: boolean }
  | { readonly type: 'ask'; readonly ask: number; readonly request: Omit<ChatRequest, 'signal'> }
  | { readonly type: 'cancel'; readonly ask: number }
  /** Paths to the ring of a model, and its tokenizer. */
  | { readonly type: 'prepare'; readonly model: ModelId }
  | { readonly type: 'preview'; readonly ticket: number; readonly model: ModelId; readonly change: PreviewChange }
  | { readonly type: 'list-models'; readonly ticket: number }
  /** `model` null: all of them. */
  | { readonly type: 'remove-models'; readonly ticket: number; readonly model: string | null }

export type EngineToPage =
  | {
      readonly type: 'device'
      readonly lending: 'off' | 'on' | 'paused' | 'leaving' | 'failed'
      readonly shards: readonly ShardReport[]
      readonly sequences: number
      readonly framesHandled: number
      readonly layerMs: number | null
      readonly error: WireError | null
    }
  /** What the device offers, once that is decided and whenever it changes. */
  | { readonly type: 'lends'; readonly capabilities: Capabilities }
  /** Files of a shard that is being loaded; several may be at once. */
  | { readonly type: 'files'; readonly model: ModelId; readonly files: readonly FileProgress[] }
  /** What went through the device since the engine began. */
  | { readonly type: 'work'; readonly given: Contribution }
  | { readonly type: 'estimate'; readonly ticket: number; readonly estimate: ShareEstimate }
  | { readonly type: 'preview'; readonly ticket: number; readonly preview: Preview }
  | { readonly type: 'preview-failed'; readonly ticket: number; readonly error: WireError }
  | { readonly type: 'estimate-failed'; readonly ticket: number; readonly error: WireError }
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
