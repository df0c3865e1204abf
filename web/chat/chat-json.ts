/** Chats as a JSON file, and back: what comes back is what went out. */
import { z } from 'zod'
import { ClusterError } from '../../protocol/errors.ts'
import { chatSchema, type Chat } from './chat-record.ts'

const FORMAT = 'ringlet-chats'
const VERSION = 1
const fileSchema = z.object({ format: z.literal(FORMAT), version: z.literal(VERSION), chats: z.array(chatSchema).max(100_000) })

export const chatsToJson = (chats: readonly Chat[]): string => `${JSON.stringify({ format: FORMAT, version: VERSION, chats }, null, 1)}\n`

/** @throws {ClusterError} invalid_json, invalid_value: the file is no export of chats, or was changed into something that is none */
export function chatsFromJson(text: string): readonly Chat[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw new ClusterError('invalid_json', 'the file is not JSON; choose one that was exported here', { cause })
  }
  const file = fileSchema.safeParse(parsed)
  if (file.success) return file.data.chats
  const issue = file.error.issues[0]
  const place = issue?.path.join('.') ?? ''
  throw new ClusterError('invalid_value', `the file is no export of chats: ${place === '' ? 'it' : place} ${issue?.message ?? 'is not as expected'}`)
}
