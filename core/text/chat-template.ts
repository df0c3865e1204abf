import { Template } from '@huggingface/jinja'
import { ClusterError } from '../../protocol/errors.ts'

/** One turn as templates see it. Further keys (`name`, `tool_calls`) reach the template as they are. */
export type ChatTurn = { readonly role: string; readonly content?: unknown; readonly [key: string]: unknown }

export type ChatTemplate = {
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
  readonly variables?: Readonly<Record<string, unknown>>
}

/** The three names under which templates look for a turn's reasoning; transformers fills in the others from any of them. */
const REASONING_KEYS = ['reasoning', 'thinking', 'reasoning_content']

function asTransformersDoes(turn: ChatTurn): Record<string, unknown> {
  const present = Object.fromEntries(Object.entries(turn).filter(([, value]) => value !== null && value !== undefined))
  const reasoning = REASONING_KEYS.map((key) => present[key]).find((value) => value !== undefined)
  return reasoning === undefined ? present : { ...Object.fromEntries(REASONING_KEYS.map((key) => [key, reasoning])), ...present }
}

/** The text up to the end of the last turn's content, as transformers' `continue_final_message` cuts it. */
function cutAfterFinalContent(rendered: string, turns: readonly ChatTurn[]): string {
  const content = turns.at(-1)?.content
  const wanted = typeof content === 'string' ? content : ''
  const at = rendered.lastIndexOf(wanted.trim())
  if (at < 0) throw refused('it does not show the last message as it is, so that message cannot be continued')
  const withTail = wanted.trimStart()
  return rendered.slice(0, at) + (rendered.startsWith(withTail, at) ? withTail : wanted.trim())
}

const refused = (why: string, cause?: unknown): ClusterError =>
  new ClusterError('invalid_value', `the chat template of the model refuses these messages: ${why.slice(0, 500)}`, {
    cause,
    detail: { param: 'messages' },
  })

/** @throws {ClusterError} bad_checkpoint when the template does not parse */
export function createChatTemplate(source: string, tokens: { readonly bos: string; readonly eos: string }): ChatTemplate {
  const template = parseTemplate(source)
  return {
    render: (turns, { addGenerationPrompt, continueFinal, variables }) => {
      const values = {
        messages: turns.map(asTransformersDoes),
        tools: null,
        bos_token: tokens.bos,
        eos_token: tokens.eos,
        add_generation_prompt: addGenerationPrompt,
        ...variables,
      }
      let rendered: string
      try {
        rendered = template.render(values)
      } catch (cause) {
        throw refused(cause instanceof Error ? cause.message : String(cause), cause)
      }
      return continueFinal ? cutAfterFinalContent(rendered, turns) : rendered
    },
  }
}

function parseTemplate(source: string): Template {
  try {
    return new Template(source)
  } catch (cause) {
    throw new ClusterError('bad_checkpoint', 'the chat template of the model does not parse', { cause })
  }
}
