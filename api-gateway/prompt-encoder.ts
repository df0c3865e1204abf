/** Tokenizing for the gateway. A long prompt takes seconds, so it goes to a thread of its own (faults.md 26). */
import type { Worker } from 'node:worker_threads'
import type { ChatTurn } from '../core/text/chat-template.ts'
import type { TextModel } from '../core/text/text-model.ts'
import { ClusterError, fromWireError } from '../protocol/errors.ts'
import type { ModelEntry } from './model-catalog.ts'
import { spawnWorker } from './spawn-worker.ts'
import type { EncodeReply, EncodeTask } from './tokenize.worker.ts'

/** Tokenizes prompts of a model. @throws {ClusterError} context_length_exceeded, invalid_value */
export type PromptEncoder = {
  readonly chat: (entry: ModelEntry, text: TextModel, turns: readonly ChatTurn[], continueFinal: boolean) => Promise<readonly number[]>
  readonly text: (entry: ModelEntry, text: TextModel, prompt: string) => Promise<readonly number[]>
}
export type ThreadedEncoder = PromptEncoder & { readonly close: () => Promise<void> }

/** Characters that are tokenized on the caller's thread: some milliseconds, less than a message to a thread costs when it is busy. */
const DIRECT_CHARACTERS = 8_192

/** On the caller's own thread. */
export const directEncoder: PromptEncoder = {
  chat: async (_entry, text, turns, continueFinal) => text.encodeChat(turns, { continueFinal }),
  text: async (_entry, text, prompt) => text.encode(prompt),
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
  const lengthOf = (turns: readonly ChatTurn[]): number =>
    turns.reduce((total, { content }) => total + (typeof content === 'string' ? content.length : 0), 0)
  return {
    chat: (entry, text, turns, continueFinal) =>
      entry.folder === null || lengthOf(turns) <= DIRECT_CHARACTERS
        ? directEncoder.chat(entry, text, turns, continueFinal)
        : thread.run({ type: 'chat', folder: entry.folder, turns, continueFinal }),
    text: (entry, text, prompt) =>
      entry.folder === null || prompt.length <= DIRECT_CHARACTERS
        ? directEncoder.text(entry, text, prompt)
        : thread.run({ type: 'text', folder: entry.folder, prompt }),
    close: thread.close,
  }
}
