/** Chats as people could have them, and worse: any number of branches, odd characters, every field in use. The same for the same seed. */
import { DEFAULT_SETTINGS, newMessage, type Chat, type Message } from '../../web/chat/chat-record.ts'
import { withMessage } from '../../web/chat/message-tree.ts'
import { seededRandom } from './seeded.ts'

const WORDS = [
  'ring', 'layer', 'Café', '漢字', '🦊', 'naïve', '`code`', '**bold**', '| a | b |', '\n\n', '\n', '```js\nlet x = 1\n```', '<script>', '"quoted"', '\\', '# heading',
  '<!-- ringlet user -->', '\n<!-- ringlet chat x -->', '\n\\<!-- ringlet tool -->', '$x^2$', ' ', '\t', '\u2028', '~~~', '-', '---', 'é', '\r\n', '\u0000', '\ud83e\udd8a',
] // prettier-ignore

type Random = () => number
const below = (random: Random, most: number): number => Math.floor(random() * most)
const maybe = <T>(random: Random, value: T): T | null => (random() < 0.5 ? value : null)
const textOf = (random: Random, most: number): string =>
  Array.from({ length: below(random, most) }, () => WORDS[below(random, WORDS.length)] ?? '').join(random() < 0.8 ? ' ' : '')

function answerParts(random: Random): Partial<Message> {
  return {
    reasoning: random() < 0.3 ? textOf(random, 30) : '',
    calls: random() < 0.2 ? [{ id: 'call1', name: 'weather', arguments: '{"place": "Rome"}' }] : [],
    finish: (['stop', 'length', 'tool_calls', 'cancelled', 'interrupted'] as const)[below(random, 5)] ?? null,
    stats: maybe(random, { completionTokens: below(random, 900), firstTokenMs: maybe(random, random() * 900), tokensPerSecond: maybe(random, random() * 90), elapsedMs: random() * 5000 }), // prettier-ignore
    model: 'ember',
    tokens: maybe(random, [{ text: textOf(random, 3), logprob: -random(), top: [['a', -random()]] }]),
  }
}

/** Chat `index` of a set. */
export function randomChat(seed: number, index: number): Chat {
  const random = seededRandom(seed * 100_003 + index)
  const time = 1_900_000_000_000 - below(random, 5e10)
  const settings = { ...DEFAULT_SETTINGS, system: maybe(random, textOf(random, 10)) ?? '', temperature: maybe(random, random() * 2), seed: maybe(random, below(random, 1e9)), chances: random() < 0.5 } // prettier-ignore
  let chat: Chat = {
    id: `chat-${index}`,
    title: maybe(random, textOf(random, 6)) ?? '',
    created: time,
    updated: time,
    settings,
    messages: [],
    leaf: null,
  }
  const turns = below(random, 14)
  for (let turn = 0; turn < turns; turn++) {
    const parent = random() < 0.8 ? chat.leaf : (chat.messages[below(random, chat.messages.length)]?.id ?? null)
    const role = turn % 2 === 0 ? 'user' : 'assistant'
    const files = role === 'user' && random() < 0.2 ? [{ name: `notes ${index}-- .txt`, text: textOf(random, 40) }] : []
    const extra = role === 'assistant' ? answerParts(random) : { attachments: files }
    chat = withMessage(chat, newMessage({ id: `m${index}-${turn}`, parent, role, created: time + turn, text: textOf(random, 60), ...extra }))
  }
  return { ...chat, leaf: chat.messages.length === 0 ? null : (chat.messages[below(random, chat.messages.length)]?.id ?? null) }
}

export const randomChats = (seed: number, count: number): readonly Chat[] => Array.from({ length: count }, (_, index) => randomChat(seed, index))
