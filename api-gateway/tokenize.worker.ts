/** The thread that tokenizes long prompts. Models are read once and kept. */
import path from 'node:path'
import { parentPort } from 'node:worker_threads'
import type { ChatTurn } from '../core/text/chat-template.ts'
import { loadText, type EncodeChatOptions, type TextModel } from '../core/text/text-model.ts'
import { toClusterError, toWireError, type WireError } from '../protocol/errors.ts'
import { openFiles, type ModelFiles } from './model-folders.ts'

export type EncodeTask =
  | { readonly type: 'chat'; readonly model: ModelAtTime; readonly turns: readonly ChatTurn[]; readonly options: EncodeChatOptions }
  | { readonly type: 'text'; readonly model: ModelAtTime; readonly prompt: string; readonly addSpecial: boolean }
/** Files that were written anew are another model. */
export type ModelAtTime = ModelFiles & { readonly created: number }
/** Either `ids` or `error`. */
export type EncodeReply = { readonly ticket: number; readonly ids: readonly number[] | null; readonly error: WireError | null }

const texts = new Map<string, Promise<TextModel>>()

function textOf(files: ModelAtTime): Promise<TextModel> {
  const key = `${path.join(files.folder, files.gguf ?? '')} ${files.created}`
  const known = texts.get(key)
  if (known) return known
  const loading = loadText(openFiles(files))
  texts.set(key, loading)
  // A failed load is tried again by the next task.
  loading.catch(() => texts.delete(key))
  return loading
}

async function encode(task: EncodeTask): Promise<readonly number[]> {
  const text = await textOf(task.model)
  return task.type === 'chat' ? text.encodeChat(task.turns, task.options) : text.encode(task.prompt, task.addSpecial)
}

// Both ends of this port are this repository's own: its messages need no check.
parentPort?.on('message', ({ ticket, task }: { ticket: number; task: EncodeTask }) => {
  encode(task).then(
    (ids) => parentPort?.postMessage({ ticket, ids, error: null } satisfies EncodeReply),
    (error: unknown) => parentPort?.postMessage({ ticket, ids: null, error: toWireError(toClusterError(error)) } satisfies EncodeReply),
  )
})
