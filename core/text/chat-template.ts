/** A model's chat template, rendered as transformers renders it. Source: `render_jinja_template` in transformers' `chat_template_utils.py`. */
import { ClusterError } from '../../protocol/errors.ts'
import { compileTemplate, type Template } from '../jinja/template.ts'

/**
 * One turn as templates see it. Further keys (`name`, `tool_calls`) reach the template as they are. Values are plain; what `parseExactJson`
 * makes keeps ints, floats and the order of keys.
 */
export type ChatTurn = { readonly role: string; readonly content?: unknown; readonly [key: string]: unknown }

export type ChatTemplate = {
  /** Whether it reads a variable of this name. */
  readonly reads: (name: string) => boolean
  /**
   * The prompt text. `continueFinal` ends it inside the last turn, which the model then goes on with.
   * @throws {ClusterError} invalid_value when the template refuses the turns
   */
  readonly render: (turns: readonly ChatTurn[], options: RenderOptions) => string
}
export type RenderOptions = {
  readonly addGenerationPrompt: boolean
  readonly continueFinal: boolean
  /** `tools`, `enable_thinking` and whatever else a template reads. */
  readonly variables?: TemplateVariables
}
export type TemplateVariables = Readonly<Record<string, unknown>>

/** Names under which a turn's reasoning is given, and of these the ones that every template may read. */
const REASONING_KEYS = ['reasoning_content', 'thinking', 'reasoning']

/** Without keys whose value is null: templates expect a key to be missing rather than None. */
function asTransformersDoes(turn: ChatTurn): ChatTurn {
  const present: ChatTurn = {
    ...Object.fromEntries(Object.entries(turn).filter(([, value]) => value !== null && value !== undefined)),
    role: turn.role,
  }
  const reasoning = REASONING_KEYS.map((key) => present[key]).find((value) => value !== undefined)
  return reasoning === undefined ? present : { thinking: reasoning, ...present, reasoning_content: reasoning }
}

/** Marks where the last turn's content ends, whatever the template puts around it. */
const END_MARK = 'CONTINUE_FINAL_MESSAGE_TAG '

const textOfPart = (part: unknown): unknown =>
  part instanceof Map ? part.get('text') : typeof part === 'object' && part !== null && 'text' in part ? part.text : undefined
const withText = (part: object, text: string): object => (part instanceof Map ? new Map([...part, ['text', text]]) : { ...part, text })

/** The turn with the mark at the end of its text, and that text. */
function markEnd(turn: ChatTurn): { readonly turn: ChatTurn; readonly text: string } {
  const { content } = turn
  if (typeof content === 'string') return { turn: { ...turn, content: content + END_MARK }, text: content }
  const parts: readonly unknown[] = Array.isArray(content) ? content : []
  const at = parts.findLastIndex((part) => typeof textOfPart(part) === 'string')
  const [part, text] = [parts[at], textOfPart(parts[at])]
  if (typeof text !== 'string' || typeof part !== 'object' || part === null) throw refused('the last message has no text that could be continued')
  return { turn: { ...turn, content: parts.with(at, withText(part, text + END_MARK)) }, text }
}

/** The text up to the mark. Where the template trimmed the mark's space, it trims the message too. */
function cutAtMark(rendered: string, text: string): string {
  const mark = END_MARK.trim()
  const at = rendered.lastIndexOf(mark)
  if (at < 0 || !rendered.includes(text.trim())) throw refused('it does not show the last message as it is, so that message cannot be continued')
  return rendered.startsWith(END_MARK, at) ? rendered.slice(0, at) : rendered.slice(0, at).trimEnd()
}

const refused = (why: string, cause?: unknown): ClusterError =>
  new ClusterError('invalid_value', `the chat template of the model refuses these messages: ${why.slice(0, 500)}`, {
    cause,
    detail: { param: 'messages' },
  })

/**
 * @param tokens special tokens by the names that templates read: `bos_token`, `eos_token`
 * @param now what a template takes for now
 * @throws {ClusterError} bad_checkpoint when the template does not parse
 */
export function createChatTemplate(source: string, tokens: Readonly<Record<string, string>>, now: () => Date = () => new Date()): ChatTemplate {
  const template = parseTemplate(source, now)
  const renderTurns = (messages: readonly ChatTurn[], { addGenerationPrompt, variables }: RenderOptions): string => {
    try {
      return template.render({ ...tokens, tools: null, documents: null, ...variables, messages, add_generation_prompt: addGenerationPrompt })
    } catch (cause) {
      throw refused(cause instanceof Error ? cause.message : String(cause), cause)
    }
  }
  return {
    reads: (name) => template.reads.has(name),
    render: (turns, options) => {
      const messages = turns.map(asTransformersDoes)
      const last = messages.at(-1)
      if (!options.continueFinal) return renderTurns(messages, options)
      if (!last) throw refused('there is no message to continue')
      const { turn, text } = markEnd(last)
      return cutAtMark(renderTurns([...messages.slice(0, -1), turn], options), text)
    },
  }
}

function parseTemplate(source: string, now: () => Date): Template {
  try {
    return compileTemplate(source, now)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 300) : ''
    throw new ClusterError('bad_checkpoint', `the chat template of the model does not parse: ${why}`, { cause })
  }
}
