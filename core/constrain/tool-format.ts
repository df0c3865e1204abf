/** How families of models write calls of tools. Sources: their chat templates, which show a call of the history as the model should write one. */

export type ToolFormat = {
  /** Opens the calls; the text before is the answer's own. */
  readonly trigger: string
  /** Between the trigger and the first call, between calls (null: only one call), and behind the last. */
  readonly open: string
  readonly separator: string | null
  readonly close: string
  /** Around the arguments, which are a JSON object. */
  readonly before: (name: string) => string
  readonly after: string
  /** Special tokens that the format is written with. */
  readonly markers: readonly string[]
}

const named = (name: string, key: string): string => `{"name": ${JSON.stringify(name)}, "${key}": `

/** Hermes, Qwen and many others; also what is asked of models whose template knows no tools. */
export const HERMES: ToolFormat = {
  trigger: '<tool_call>',
  open: '',
  separator: '\n<tool_call>',
  close: '',
  before: (name) => `\n${named(name, 'arguments')}`,
  after: '}\n</tool_call>',
  markers: ['<tool_call>', '</tool_call>'],
}
const MISTRAL: ToolFormat = {
  trigger: '[TOOL_CALLS]',
  open: '[',
  separator: ', ',
  close: ']',
  before: (name) => named(name, 'arguments'),
  after: '}',
  markers: ['[TOOL_CALLS]'],
}
/** Mistral's from its 11th tokenizer on. */
const MISTRAL_ARGS: ToolFormat = {
  trigger: '[TOOL_CALLS]',
  open: '',
  separator: '[TOOL_CALLS]',
  close: '',
  before: (name) => `${name}[ARGS]`,
  after: '',
  markers: ['[TOOL_CALLS]', '[ARGS]'],
}
/** Llama 3.1 and 3.2: a call is the whole answer, with or without the token of Python in front. */
const LLAMA: ToolFormat = {
  trigger: '{"name":',
  open: '',
  separator: null,
  close: '',
  before: (name) => ` ${JSON.stringify(name)}, "parameters": `,
  after: '}',
  markers: [],
}

/** The format that a chat template speaks. @param template its source; null where the model has none */
export function toolFormatOf(template: string | null): ToolFormat {
  const has = (text: string): boolean => template?.includes(text) ?? false
  if (has('[ARGS]')) return MISTRAL_ARGS
  if (has('[TOOL_CALLS]')) return MISTRAL
  if (has('<tool_call>')) return HERMES
  return has('<|python_tag|>') || has('Environment: ipython') ? LLAMA : HERMES
}
