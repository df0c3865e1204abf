/** A chat as it is kept and exported. Everything that is read from storage or from a file goes through these schemas. */
import { z } from 'zod'

/** Longest text of one message, in characters: about 2000 pages. */
const MAX_TEXT = 4_000_000
const text = z.string().max(MAX_TEXT)
const idSchema = z.string().regex(/^[\w-]{1,64}$/)
const timeSchema = z.number().int().min(0)

export const attachmentSchema = z.object({ name: z.string().min(1).max(255), text })
/** A text file that goes with a question. */
export type Attachment = z.infer<typeof attachmentSchema>

const callSchema = z.object({ id: z.string().max(128), name: z.string().max(256), arguments: text })
/** A function that the model asks to have called; `arguments` is JSON as it wrote it. */
export type ToolCall = z.infer<typeof callSchema>

const chanceSchema = z.object({
  text: z.string().max(1000),
  /** Natural logarithm of its probability, at most 0. */
  logprob: z.number().max(0),
  /** The likeliest tokens at this place, most likely first, each with its logarithm. */
  top: z.array(z.tuple([z.string().max(1000), z.number().max(0)])).max(20),
})
/** One token of an answer and how likely it was. */
export type TokenChance = z.infer<typeof chanceSchema>

const statsSchema = z.object({
  completionTokens: z.number().int().min(0),
  /** Milliseconds from question to first token. */
  firstTokenMs: z.number().min(0).nullable(),
  tokensPerSecond: z.number().min(0).nullable(),
  elapsedMs: z.number().min(0),
})
export type AnswerStats = z.infer<typeof statsSchema>

/** `interrupted`: an error ended the answer in the middle. */
const finishSchema = z.enum(['stop', 'length', 'tool_calls', 'cancelled', 'interrupted'])

const messageSchema = z.object({
  id: idSchema,
  /** The message it follows; null at the beginning. It stands earlier in the list. */
  parent: idSchema.nullable(),
  role: z.enum(['user', 'assistant', 'tool']),
  text,
  /** Characters at its beginning that the model was given to go on from. */
  given: z.number().int().min(0),
  reasoning: text,
  calls: z.array(callSchema).max(256),
  /** Of a tool's result: the call that it answers. */
  callId: z.string().max(128).nullable(),
  attachments: z.array(attachmentSchema).max(64),
  /** Of an answer: how it ended; null while it is being written, and for what is no answer. */
  finish: finishSchema.nullable(),
  stats: statsSchema.nullable(),
  model: z.string().max(512).nullable(),
  tokens: z.array(chanceSchema).max(100_000).nullable(),
  /** Milliseconds since 1970. */
  created: timeSchema,
})
export type Message = z.infer<typeof messageSchema>

const setting = (least: number, most: number) => z.number().min(least).max(most).nullable()
export const settingsSchema = z.object({
  /** The system prompt; empty = none. */
  system: text,
  /** Null everywhere: as the model's authors set it. */
  temperature: setting(0, 2),
  topP: setting(0, 1),
  topK: z.number().int().min(0).max(1000).nullable(),
  minP: setting(0, 1),
  repetitionPenalty: setting(0.01, 10),
  presencePenalty: setting(-2, 2),
  frequencyPenalty: setting(-2, 2),
  seed: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).nullable(),
  maxTokens: z
    .number()
    .int()
    .min(1)
    .max(1 << 20)
    .nullable(),
  /** Functions that the model may ask for, as OpenAI's JSON; empty = none. */
  tools: text,
  /** Keeps with each answer how likely each token was. */
  chances: z.boolean(),
})
export type ChatSettings = z.infer<typeof settingsSchema>
export const DEFAULT_SETTINGS: ChatSettings = {
  system: '',
  temperature: null,
  topP: null,
  topK: null,
  minP: null,
  repetitionPenalty: null,
  presencePenalty: null,
  frequencyPenalty: null,
  seed: null,
  maxTokens: null,
  tools: '',
  chances: false,
}

export const chatSchema = z
  .object({
    id: idSchema,
    /** As its owner calls it; empty = named after its first question. */
    title: z.string().max(500),
    created: timeSchema,
    updated: timeSchema,
    settings: settingsSchema,
    messages: z.array(messageSchema).max(100_000),
    /** The message at the end of the branch that is shown; null without messages. */
    leaf: idSchema.nullable(),
  })
  .refine(isTree, 'the messages do not form a tree')
export type Chat = z.infer<typeof chatSchema>

/** Every message follows an earlier one, ids are there once, and the leaf is one of them. */
function isTree({ messages, leaf }: { readonly messages: readonly Message[]; readonly leaf: string | null }): boolean {
  const seen = new Set<string>()
  for (const { id, parent } of messages) {
    if (seen.has(id) || (parent !== null && !seen.has(parent))) return false
    seen.add(id)
  }
  return leaf === null ? messages.length === 0 : seen.has(leaf)
}

/** 128 random bits: names a chat, a message, and the stream of an answer. */
export const newId = (): string => [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(16).padStart(8, '0')).join('')

export const newChat = (nowMs: number, settings: ChatSettings = DEFAULT_SETTINGS, id: string = newId()): Chat => ({
  id,
  title: '',
  created: nowMs,
  updated: nowMs,
  settings,
  messages: [],
  leaf: null,
})

const BLANK = { text: '', given: 0, reasoning: '', calls: [], callId: null, attachments: [], finish: null, stats: null, model: null, tokens: null }
/** A message with what is given of it. */
export const newMessage = (given: Pick<Message, 'parent' | 'role' | 'created'> & Partial<Message>): Message => ({ id: newId(), ...BLANK, ...given })

/** Longest title made of a question, in characters. */
const TITLE_LENGTH = 60
/** Its own title, else the beginning of its first question. */
export function titleOf({ title, messages }: Pick<Chat, 'title' | 'messages'>): string {
  if (title !== '') return title
  const first = messages.find(({ role }) => role === 'user')
  const words = (first?.text || first?.attachments[0]?.name || '').trim().split('\n')[0]?.trim() ?? ''
  if (words === '') return 'New chat'
  return words.length <= TITLE_LENGTH ? words : `${words.slice(0, TITLE_LENGTH).replace(/\s+\S*$/, '')}…`
}
