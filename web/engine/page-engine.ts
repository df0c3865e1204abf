/** What a page can ask of its engine. Elements get an object of this type; they open no connection and run no model. */
import type { ClusterView } from '../../core/cluster/cluster-view.ts'
import type { Preview } from '../../core/cluster/preview.ts'
import type { Backend, Capabilities, ShardReport, WeightFormat } from '../../protocol/cluster.ts'
import type { WireError } from '../../protocol/errors.ts'
import type { ModelId, PeerId } from '../../protocol/ids.ts'
import type { FinishReason } from '../../protocol/ring.ts'
import type { ModelStore } from '../storage/model-store.ts'
import type { FileProgress } from '../../runtime/ring/file-progress.ts'
import type { ShareEstimate } from '../../runtime/measure/estimate-share.ts'
import type { Contribution } from './contribution.ts'
import type { Hold, LendLimits } from './lend-limits.ts'
import type { PageLifeState } from './page-life.ts'

/** The page's connection to signaling. */
export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'online'; readonly self: PeerId }
  | { readonly state: 'offline'; readonly reason: string }
  /** Will not be tried again: wrong token, other protocol version. */
  | { readonly state: 'refused'; readonly error: WireError }

/** What was found on this machine. */
export type HardwareReport = {
  readonly webgpu: {
    readonly available: boolean
    readonly adapter: string
    readonly shaderF16: boolean
    readonly maxBufferBytes: number
    readonly reason: string
  }
  readonly crossOriginIsolated: boolean
  readonly cores: number
  /** navigator.deviceMemory in bytes where the browser tells, else null. */
  readonly deviceMemoryBytes: number | null
  readonly storage: { readonly usedBytes: number; readonly quotaBytes: number } | null
  /** Those that are possible here, in the order in which `auto` tries them. */
  readonly backends: readonly Backend[]
  readonly suggestedMemoryBytes: number
}

export type LendOptions = {
  readonly name: string
  readonly backend: Backend | 'auto'
  /** `auto` lets the placement choose for each model. */
  readonly weightFormat: WeightFormat | 'auto'
  readonly memoryBytes: number
  /** WASM threads; 0 = choose by the number of cores. */
  readonly threads: number
}

/** What went through the device, since the page opened and now. */
export type WorkFigures = Contribution & {
  readonly tokensPerSecond: number
  readonly bytesInPerSecond: number
  readonly bytesOutPerSecond: number
}

/** What this page's device is doing now. */
export type DeviceState = {
  /** `leaving`: hands over what runs. */
  readonly lending: 'off' | 'starting' | 'on' | 'paused' | 'leaving' | 'failed'
  readonly capabilities: Capabilities | null
  readonly shards: readonly ShardReport[]
  /** Estimated seconds until loading is done; null when unknown or nothing loads. */
  readonly etaSeconds: number | null
  readonly bytesPerSecond: number | null
  /** Of the shard that is being downloaded, the first where several are. */
  readonly files: readonly FileProgress[]
  readonly work: WorkFigures
  /** Limits for which it holds back now. */
  readonly holds: readonly Hold[]
  readonly sequences: number
  readonly framesHandled: number
  readonly layerMs: number | null
  /** What the device changed by itself, and why. */
  readonly notice: string | null
  readonly error: WireError | null
}

/** A turn as a model is asked with it. */
export type ChatMessage = {
  readonly role: 'system' | 'user' | 'assistant' | 'tool'
  readonly content: string
  readonly reasoning?: string
  readonly calls?: readonly { readonly id: string; readonly name: string; readonly arguments: string }[]
  /** Of a tool's result: the call that it answers. */
  readonly callId?: string
}
/** Null: as the model's authors set it. */
export type ChatSampling = {
  /** 0 = greedy. */
  readonly temperature: number | null
  readonly topP: number | null
  readonly topK: number | null
  readonly minP: number | null
  readonly repetitionPenalty: number | null
  readonly presencePenalty: number | null
  readonly frequencyPenalty: number | null
  /** Null: another one every time. */
  readonly seed: number | null
}
export type ChatRequest = {
  readonly model: ModelId
  /** A last turn of the assistant is gone on with. */
  readonly messages: readonly ChatMessage[]
  readonly sampling?: Partial<ChatSampling>
  readonly maxTokens: number | null
  /** Functions that may be asked for, in OpenAI's form. */
  readonly tools?: readonly unknown[]
  /** Tell how likely each token was. */
  readonly chances?: boolean
  /** Names the answer, so that it goes on when this page is reloaded; absent: it ends with the page. */
  readonly conversation?: string
  readonly signal: AbortSignal
}
/** One token and its likeliest rivals, with natural logarithms of their probabilities. */
export type ChatChance = { readonly text: string; readonly logprob: number; readonly top: [string, number][] }
/** Ends with `done`; an error is thrown as ClusterError by the iterator. */
export type ChatEvent =
  | { readonly type: 'progress'; readonly processed: number; readonly total: number }
  /** It waits in a line: 1 is next; seconds as expected. */
  | { readonly type: 'queue'; readonly position: number; readonly seconds: number | null }
  /** Nothing comes for the moment, and why; it goes on by itself. */
  | { readonly type: 'pause'; readonly reason: string }
  | { readonly type: 'text' | 'reasoning'; readonly text: string; readonly completionTokens: number }
  /** A function is asked for; its arguments follow in pieces. */
  | { readonly type: 'call'; readonly id: string; readonly name: string; readonly completionTokens: number }
  | { readonly type: 'arguments'; readonly index: number; readonly text: string; readonly completionTokens: number }
  | { readonly type: 'chances'; readonly tokens: readonly ChatChance[] }
  | {
      readonly type: 'done'
      readonly finish: FinishReason | 'tool_calls' | 'cancelled'
      readonly promptTokens: number
      readonly completionTokens: number
      readonly firstTokenMs: number
      readonly tokensPerSecond: number
    }

/** A device that is taken for gone, or one that is paused and taken for here. */
export type PreviewChange = { readonly without?: PeerId; readonly including?: PeerId }

export type PageEngine = {
  readonly view: () => ClusterView
  readonly connection: () => Connection
  readonly device: () => DeviceState
  /** Called after any of view, connection, device changed. Returns the way to unsubscribe. */
  readonly onChange: (listener: () => void) => () => void
  readonly probe: () => Promise<HardwareReport>
  /** What the browser grants a page that serves. */
  readonly life: () => PageLifeState
  readonly keepAwake: (isWanted: boolean) => void
  /** Call from a click. */
  readonly keepAudible: (isWanted: boolean) => void
  readonly lend: (options: LendOptions) => Promise<void>
  /** Whether another tab of this browser lends. */
  readonly lendsElsewhere: () => boolean
  /** The other tabs of this browser stop, and this one lends what they lent; as `otherwise` where none of them answers. */
  readonly takeOver: (otherwise: LendOptions) => Promise<void>
  /** Measures without joining. @throws {ClusterError} unsupported_backend */
  readonly estimate: (options: LendOptions) => Promise<ShareEstimate>
  /** What a model's ring would be with or without a device. @throws {ClusterError} model_not_found, source_unavailable */
  readonly preview: (model: ModelId, change: PreviewChange) => Promise<Preview>
  readonly pause: () => void
  readonly resume: () => void
  readonly limits: () => LendLimits
  /** Call from a click: a browser may ask its person. */
  readonly setLimits: (limits: LendLimits) => Promise<void>
  /** Which limits this browser can keep. */
  readonly limitsKnown: () => { readonly battery: boolean; readonly metered: boolean; readonly idle: boolean }
  /** Resolves once what ran has ended or moved on and the others know; with `now` it waits for neither. */
  readonly leave: (now?: boolean) => Promise<void>
  /** Leaves at once, and removes from this browser what it keeps of the models it was loading. */
  readonly cancelDownload: () => Promise<void>
  /** What this browser has given in all its visits. */
  readonly contributed: () => Contribution
  /** Asks the devices themselves, with no server in between. */
  readonly ask: (request: ChatRequest) => AsyncIterable<ChatEvent>
  /** Prepares for `ask`: paths to the devices of the model's ring, and its tokenizer, so that both are here when the servers are gone. */
  readonly prepare: (model: ModelId) => void
  /** The models that this browser keeps. */
  readonly stored: ModelStore
}
