/** Chats as files: saved from the list or the open chat, and taken in again. */
import { ClusterError } from '../../../protocol/errors.ts'
import { chatsFromJson, chatsToJson } from '../../chat/chat-json.ts'
import type { ChatLibrary } from '../../chat/chat-library.ts'
import { chatsFromMarkdown, chatsToMarkdown } from '../../chat/chat-markdown.ts'
import { titleOf, type Chat } from '../../chat/chat-record.ts'
import { countOf } from '../parts/quantities.ts'
import { fileNameOf, saveFile } from '../parts/save-file.ts'

/** Longest file that is read, in characters. */
const MAX_FILE = 500_000_000

export function saveChats(chats: readonly Chat[], as: 'json' | 'markdown'): void {
  const [only, ...others] = chats
  const name = only && others.length === 0 ? fileNameOf(titleOf(only)) : `ringlet-chats-${new Date().toISOString().slice(0, 10)}`
  if (as === 'json') saveFile(`${name}.json`, chatsToJson(chats), 'application/json')
  else saveFile(`${name}.md`, chatsToMarkdown(chats), 'text/markdown')
}

/** Takes in what files hold. Resolves with what happened, in a sentence. @throws {ClusterError} for a file that is no export of chats */
export async function openChats(files: readonly File[], library: ChatLibrary): Promise<string> {
  let [taken, found] = [0, 0]
  for (const file of files) {
    if (file.size > MAX_FILE) throw new ClusterError('invalid_value', `${file.name} is too large to be an export of chats`)
    const text = await file.text()
    const chats = file.name.endsWith('.md') ? chatsFromMarkdown(text, file.lastModified) : chatsFromJson(text)
    found += chats.length
    taken += await library.add(chats)
  }
  const old = found - taken
  return `${countOf(taken, 'chat')} taken in${old > 0 ? `; ${countOf(old, 'chat')} of the same age or newer were here already` : ''}.`
}

/** Lets a person choose files of chats. */
export function chooseFiles(): Promise<readonly File[]> {
  const field = document.createElement('input')
  field.type = 'file'
  field.accept = '.json,.md,application/json,text/markdown'
  field.multiple = true
  return new Promise((resolve) => {
    field.addEventListener('change', () => resolve([...(field.files ?? [])]))
    field.addEventListener('cancel', () => resolve([]))
    field.click()
  })
}
