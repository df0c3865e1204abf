/** What a model is asked with, made of a branch of messages and the chat's settings. Pure. */
import { ClusterError } from '../../protocol/errors.ts'
import type { ModelId } from '../../protocol/ids.ts'
import type { ChatMessage, ChatRequest } from '../engine/page-engine.ts'
import type { Attachment, ChatSettings, Message } from './chat-record.ts'

/** A file inside a question: named and fenced, with a fence that the file does not hold. */
export function fencedFile({ name, text }: Attachment): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `File ${name}:\n${fence}\n${text}\n${fence}`
}

function turnOf({ role, text, reasoning, calls, callId, attachments }: Message): ChatMessage {
  if (role === 'user') return { role, content: [...attachments.map(fencedFile), text].filter(Boolean).join('\n\n') }
  if (role === 'tool') return { role, content: text, ...(callId === null ? {} : { callId }) }
  return { role, content: text, ...(reasoning === '' ? {} : { reasoning }), ...(calls.length === 0 ? {} : { calls }) }
}

/** Answers without anything in them would only confuse the model. */
const isSaid = ({ role, text, calls, attachments }: Message): boolean => role === 'tool' || text !== '' || calls.length > 0 || attachments.length > 0

export const turnsOf = ({ system }: ChatSettings, path: readonly Message[]): readonly ChatMessage[] => [
  ...(system.trim() === '' ? [] : [{ role: 'system' as const, content: system }]),
  ...path.filter(isSaid).map(turnOf),
]

/** The functions of a chat's settings. @throws {ClusterError} invalid_value with what is wrong, for people */
export function toolsOf({ tools }: ChatSettings): readonly unknown[] {
  if (tools.trim() === '') return []
  let parsed: unknown
  try {
    parsed = JSON.parse(tools)
  } catch (cause) {
    throw new ClusterError('invalid_value', 'the tools in the settings are not JSON', { cause, detail: { param: 'tools' } })
  }
  if (Array.isArray(parsed)) return parsed
  throw new ClusterError('invalid_value', 'the tools in the settings are no list; write them as [{"type": "function", "function": {…}}]', {
    detail: { param: 'tools' },
  })
}

/** @throws {ClusterError} invalid_value for settings that cannot be asked with */
export function requestOf(model: ModelId, settings: ChatSettings, path: readonly Message[], signal: AbortSignal): ChatRequest {
  const { temperature, topP, topK, minP, repetitionPenalty, presencePenalty, frequencyPenalty, seed, maxTokens, chances } = settings
  const tools = toolsOf(settings)
  return {
    model,
    messages: turnsOf(settings, path),
    sampling: { temperature, topP, topK, minP, repetitionPenalty, presencePenalty, frequencyPenalty, seed },
    maxTokens,
    ...(tools.length === 0 ? {} : { tools }),
    ...(chances ? { chances } : {}),
    signal,
  }
}
