/** The thread that tokenizes long prompts. Models are read once and kept. */
import { parentPort } from 'node:worker_threads'
import type { ChatTurn } from '../core/text/chat-template.ts'
import { loadText, type TextModel } from '../core/text/text-model.ts'
import { toClusterError, toWireError, type WireError } from '../protocol/errors.ts'
import { folderSource } from './folder-source.ts'

export type EncodeTask =
  | { readonly type: 'chat'; readonly folder: string; readonly turns: readonly ChatTurn[]; readonly continueFinal: boolean }
  | { readonly type: 'text'; readonly folder: string; readonly prompt: string }
/** Either `ids` or `error`. */
export type EncodeReply = { readonly ticket: number; readonly ids: readonly number[] | null; readonly error: WireError | null }

const texts = new Map<string, Promise<TextModel>>()

function textOf(folder: string): Promise<TextModel> {
  const known = texts.get(folder)
  if (known) return known
  const loading = loadText(folderSource(folder))
  texts.set(folder, loading)
  // A failed load is tried again by the next task.
  loading.catch(() => texts.delete(folder))
  return loading
}

async function encode(task: EncodeTask): Promise<readonly number[]> {
  const text = await textOf(task.folder)
  return task.type === 'chat' ? text.encodeChat(task.turns, { continueFinal: task.continueFinal }) : text.encode(task.prompt)
}

// Both ends of this port are this repository's own: its messages need no check.
parentPort?.on('message', ({ ticket, task }: { ticket: number; task: EncodeTask }) => {
  encode(task).then(
    (ids) => parentPort?.postMessage({ ticket, ids, error: null } satisfies EncodeReply),
    (error: unknown) => parentPort?.postMessage({ ticket, ids: null, error: toWireError(toClusterError(error)) } satisfies EncodeReply),
  )
})
