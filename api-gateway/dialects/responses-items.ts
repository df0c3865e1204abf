/** Items of the Responses dialect's output: reasoning, a message, calls of functions; whole, and as events while they come. */
import { randomUUID } from 'node:crypto'
import type { ChoiceResult } from '../jobs/choice-result.ts'
import { NO_TOKENS, type JobEvent, type TextJob, type TokenInfo } from '../jobs/text-job.ts'
import { logprobsContent } from './openai-chat-answer.ts'

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete'
export type SendEvent = (type: string, fields: object) => void
type Shown = Exclude<JobEvent, { type: 'progress' | 'finish' }>

const newId = (prefix: string): string => `${prefix}_${randomUUID().replaceAll('-', '')}`

type Item = {
  readonly kind: 'reasoning' | 'text' | 'call'
  readonly id: string
  readonly callId: string
  readonly name: string
  text: string
  tokens: TokenInfo[]
}

const partOf = ({ text, tokens }: Item): object => ({ type: 'output_text', text, annotations: [], logprobs: logprobsContent(tokens) })

/** @param isEmpty as it is announced, before anything has come */
function bodyOf(item: Item, status: ItemStatus, isEmpty = false): object {
  const { id, kind, callId, name, text } = item
  if (kind === 'call') return { type: 'function_call', id, status, call_id: callId, name, arguments: isEmpty ? '' : text }
  if (kind === 'reasoning') return { type: 'reasoning', id, status, summary: [], content: isEmpty ? [] : [{ type: 'reasoning_text', text }] }
  return { type: 'message', id, status, role: 'assistant', content: isEmpty ? [] : [partOf(item)] }
}

export type OutputItems = {
  readonly add: (event: JobEvent, send: SendEvent) => void
  /** Ends what is open; an answer without anything has one empty message. */
  readonly end: (status: ItemStatus, send: SendEvent) => void
  readonly bodies: () => readonly object[]
}

export function createOutputItems({ topLogprobs }: TextJob): OutputItems {
  const done: object[] = []
  let open: Item | null = null
  const place = (item: Item): object => ({ item_id: item.id, output_index: done.length, ...(item.kind === 'call' ? {} : { content_index: 0 }) })

  function begin(kind: Item['kind'], send: SendEvent, call = { id: '', name: '' }): Item {
    const item: Item = {
      kind,
      id: newId({ reasoning: 'rs', text: 'msg', call: 'fc' }[kind]),
      callId: `call_${call.id}`,
      name: call.name,
      text: '',
      tokens: [],
    }
    send('response.output_item.added', { output_index: done.length, item: bodyOf(item, 'in_progress', true) })
    if (kind === 'text') send('response.content_part.added', { ...place(item), part: partOf(item) })
    open = item
    return item
  }
  function close(status: ItemStatus, send: SendEvent): void {
    const item = open
    if (!item) return
    const { text } = item
    if (item.kind === 'call') send('response.function_call_arguments.done', { ...place(item), name: item.name, arguments: text })
    if (item.kind === 'reasoning') send('response.reasoning_text.done', { ...place(item), text })
    if (item.kind === 'text') {
      send('response.output_text.done', { ...place(item), text, logprobs: logprobsContent(item.tokens) })
      send('response.content_part.done', { ...place(item), part: partOf(item) })
    }
    send('response.output_item.done', { output_index: done.length, item: bodyOf(item, status) })
    done.push(bodyOf(item, status))
    open = null
  }
  const KINDS = { text: 'text', reasoning: 'reasoning', call: 'call', arguments: 'call' } as const
  const DELTAS = { text: 'output_text', reasoning: 'reasoning_text', call: 'function_call_arguments' } as const
  let waiting: TokenInfo[] = []

  function addShown(event: Shown, send: SendEvent): void {
    if (event.type === 'text' && event.logprobs) waiting.push(event.logprobs)
    if (event.type === 'text' && event.text === '') return
    const kind = KINDS[event.type]
    if (event.type === 'call' || open?.kind !== kind) close('completed', send)
    const item = open ?? begin(kind, send, event.type === 'call' ? event : undefined)
    if (event.type === 'call') return
    item.text += event.text
    const tokens = event.type === 'text' && topLogprobs !== null ? waiting : []
    waiting = []
    item.tokens.push(...tokens)
    send(`response.${DELTAS[kind]}.delta`, { ...place(item), delta: event.text, ...(kind === 'text' ? { logprobs: logprobsContent(tokens) } : {}) })
  }

  return {
    add: (event, send) => {
      if (event.type !== 'progress' && event.type !== 'finish') addShown(event, send)
    },
    end: (status, send) => {
      if (!open && done.length === 0) begin('text', send)
      close(status, send)
    },
    bodies: () => done,
  }
}

/** The items of an answer that is there already. */
export function itemsOf(job: TextJob, { text, reasoning, calls, logprobs }: ChoiceResult, status: ItemStatus): readonly object[] {
  const items = createOutputItems(job)
  const silent: SendEvent = () => undefined
  const counts = { choice: 0, ...NO_TOKENS }
  if (reasoning !== '') items.add({ type: 'reasoning', text: reasoning, ...counts }, silent)
  for (const one of logprobs) items.add({ type: 'text', text: '', logprobs: one, ...counts }, silent)
  items.add({ type: 'text', text, logprobs: null, ...counts }, silent)
  for (const [index, { id, name, arguments: input }] of calls.entries()) {
    items.add({ type: 'call', index, id, name, ...counts }, silent)
    items.add({ type: 'arguments', index, text: input, ...counts }, silent)
  }
  items.end(status, silent)
  return items.bodies()
}
