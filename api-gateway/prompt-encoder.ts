/** Tokenizing for the gateway. A long prompt takes seconds, so it goes to a thread of its own (faults.md 26). */
import type { Worker } from 'node:worker_threads'
import type { ChatTurn } from '../core/text/chat-template.ts'
import type { EncodeChatOptions, TextModel } from '../core/text/text-model.ts'
import { ClusterError, fromWireError } from '../protocol/errors.ts'
import type { ModelEntry } from './model-catalog.ts'
import { spawnWorker } from './spawn-worker.ts'
import type { EncodeReply, EncodeTask, ModelAtTime } from './tokenize.worker.ts'

/** Tokenizes prompts of a model. @throws {ClusterError} context_length_exceeded, invalid_value */
export type PromptEncoder = {
  readonly chat: (entry: ModelEntry, text: TextModel, turns: readonly ChatTurn[], options?: EncodeChatOptions) => Promise<readonly number[]>
  /** @param addSpecial what the model wants around a plain text, BOS; default true */
  readonly text: (entry: ModelEntry, text: TextModel, prompt: string, addSpecial?: boolean) => Promise<readonly number[]>
}
export type ThreadedEncoder = PromptEncoder & { readonly close: () => Promise<void> }

/** Characters that are tokenized on the caller's thread: some milliseconds, less than a message to a thread costs when it is busy. */
const DIRECT_CHARACTERS = 8_192

/** Of all texts in a value. */
function charactersIn(value: unknown): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null) return 0
  const inner: readonly unknown[] = value instanceof Map ? [...value.values()] : Object.values(value)
  return inner.reduce<number>((total, item) => total + charactersIn(item), 0)
}

/** On the caller's own thread. */
export const directEncoder: PromptEncoder = {
  chat: async (_entry, text, turns, options) => text.encodeChat(turns, options),
  text: async (_entry, text, prompt, addSpecial) => text.encode(prompt, addSpecial),
}

type Waiting = { readonly resolve: (ids: readonly number[]) => void; readonly reject: (error: Error) => void }

/** A thread that starts with the first task and starts anew after a crash. */
function createThread(): { readonly run: (task: EncodeTask) => Promise<readonly number[]>; readonly close: () => Promise<void> } {
  const waiting = new Map<number, Waiting>()
  let worker: Worker | null = null
  let nextTicket = 0

  const failAll = (cause: unknown): void => {
    worker = null
    for (const { reject } of waiting.values()) reject(new ClusterError('internal', 'the tokenizer thread ended', { cause }))
    waiting.clear()
  }
  const settle = ({ ticket, ids, error }: EncodeReply): void => {
    const task = waiting.get(ticket)
    waiting.delete(ticket)
    if (ids) task?.resolve(ids)
    else task?.reject(error ? fromWireError(error) : new ClusterError('internal', 'the tokenizer thread gave no answer'))
    if (waiting.size === 0) worker?.unref()
  }
  const start = (): Worker => {
    const started = spawnWorker(new URL('./tokenize.worker.ts', import.meta.url))
    started.on('message', settle)
    started.on('error', failAll)
    return started
  }
  return {
    run: (task) =>
      new Promise((resolve, reject) => {
        const ticket = nextTicket++
        waiting.set(ticket, { resolve, reject })
        worker ??= start()
        // Only work in flight keeps the process alive.
        worker.ref()
        worker.postMessage({ ticket, task })
      }),
    close: async () => {
      const ending = worker
      failAll(new Error('closed'))
      await ending?.terminate()
    },
  }
}

export function createPromptEncoder(): ThreadedEncoder {
  const thread = createThread()
  /** Where the thread finds the model; null for what is tokenized here. */
  const place = ({ files, created }: ModelEntry, length: number): ModelAtTime | null =>
    files === null || length <= DIRECT_CHARACTERS ? null : { ...files, created }
  return {
    chat: (entry, text, turns, options = {}) => {
      const model = place(entry, charactersIn([turns, options.variables]))
      return model ? thread.run({ type: 'chat', model, turns, options }) : directEncoder.chat(entry, text, turns, options)
    },
    text: (entry, text, prompt, addSpecial = true) => {
      const model = place(entry, prompt.length)
      return model ? thread.run({ type: 'text', model, prompt, addSpecial }) : directEncoder.text(entry, text, prompt, addSpecial)
    },
    close: thread.close,
  }
}
