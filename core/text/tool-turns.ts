/** Conversations with tools, as a model's template takes them: as data where it knows tools, as text where it does not. */
import { parseExactJson } from '../jinja/exact-json.ts'
import { HERMES, type ToolFormat } from '../constrain/tool-format.ts'
import type { ChatTurn } from './chat-template.ts'

/** A call that an earlier answer made. */
export type PastCall = { readonly id: string; readonly name: string; readonly arguments: string }
/** A turn of any dialect. */
export type ToolTurn = ChatTurn & { readonly calls?: readonly PastCall[]; readonly callId?: string }

export type OfferedTool = { readonly name: string; readonly description: string | null; readonly parameters: unknown }

/** As templates know tools: OpenAI's form. */
export const toolsForTemplate = (tools: readonly OfferedTool[]): readonly object[] =>
  tools.map(({ name, description, parameters }) => ({
    type: 'function',
    function: { name, ...(description === null ? {} : { description }), parameters },
  }))

/** Arguments as a template shows them; what a client sends back may be empty, or no JSON. */
function exactArguments(text: string): unknown {
  try {
    return parseExactJson(text.trim() === '' ? '{}' : text)
  } catch {
    return text
  }
}

const asData = ({ calls, callId, ...turn }: ToolTurn): ChatTurn => ({
  ...turn,
  role: turn.role,
  ...(callId === undefined ? {} : { tool_call_id: callId }),
  ...(calls === undefined || calls.length === 0
    ? {}
    : {
        tool_calls: calls.map(({ id, name, arguments: text }) => ({ id, type: 'function', function: { name, arguments: exactArguments(text) } })),
      }),
})

const asJson = (text: string): string => (text.trim() === '' ? '{}' : text)
const written = ({ trigger, before, after, close, open, separator }: ToolFormat, calls: readonly PastCall[]): string =>
  trigger + open + calls.map(({ name, arguments: text }) => before(name) + asJson(text) + after).join(separator ?? trigger) + close

function asText({ calls, callId, ...turn }: ToolTurn): ChatTurn {
  const content = typeof turn.content === 'string' ? turn.content : ''
  if (turn.role === 'tool' || callId !== undefined) return { role: 'user', content: `<tool_response>\n${content}\n</tool_response>` }
  if (calls === undefined || calls.length === 0) return { ...turn, role: turn.role }
  return { ...turn, role: turn.role, content: [content, written(HERMES, calls)].filter((text) => text !== '').join('\n') }
}

const explained = (tools: readonly OfferedTool[]): string =>
  [
    'You may call functions. They are, as JSON schemas:',
    ...toolsForTemplate(tools).map((tool) => JSON.stringify(tool)),
    'To call one, answer with:',
    '<tool_call>\n{"name": <name>, "arguments": <arguments as JSON>}\n</tool_call>',
  ].join('\n')

function withSystem(turns: readonly ChatTurn[], text: string): readonly ChatTurn[] {
  const [first, ...rest] = turns
  if (first?.role !== 'system') return [{ role: 'system', content: text }, ...turns]
  return [{ ...first, role: 'system', content: `${typeof first.content === 'string' ? first.content : ''}\n\n${text}` }, ...rest]
}

/**
 * @param template source of the model's chat template
 * @returns turns to render, and the tools to give the template beside them; null where they are in the turns
 */
export function renderTools(
  turns: readonly ToolTurn[],
  tools: readonly OfferedTool[],
  template: string | null,
): { readonly turns: readonly ChatTurn[]; readonly tools: readonly object[] | null } {
  const knowsTools = /\btools\b/.test(template ?? '')
  const knowsCalls = (template ?? '').includes('tool_calls')
  const plain = turns.map(knowsCalls ? asData : asText)
  if (tools.length === 0) return { turns: plain, tools: null }
  return knowsTools ? { turns: plain, tools: toolsForTemplate(tools) } : { turns: withSystem(plain, explained(tools)), tools: null }
}
