/** The chat's scenes. */
import type { Page } from 'playwright-core'
import type { ChatEvent } from '../../web/engine/page-engine.ts'
import type { Scene } from './scene.ts'

const answer = (page: Page, event: ChatEvent) => page.evaluate((given) => window.fixture.answer(given), event)
const text = (words: string, completionTokens: number): ChatEvent => ({ type: 'text', text: words, completionTokens })
const done = (completionTokens: number): ChatEvent => ({
  type: 'done',
  finish: 'stop',
  promptTokens: 12,
  completionTokens,
  firstTokenMs: 212,
  tokensPerSecond: 23.4,
})

async function ask(page: Page, question: string): Promise<void> {
  await page.getByLabel('Your question').fill(question)
  await page.getByLabel('Your question').press('Enter')
}
/** A chat that is over. */
async function tell(page: Page, question: string, words: string): Promise<void> {
  await ask(page, question)
  await answer(page, text(words, 40))
  await answer(page, done(40))
  await page.getByRole('button', { name: 'Regenerate' }).last().waitFor()
}
async function history(page: Page): Promise<void> {
  for (const [question, words] of [
    ['What should I cook with leeks?', 'A tart.'],
    ['Translate “good morning” into Finnish', 'Hyvää huomenta.'],
    ['Ideas for a birthday in the woods', 'A treasure hunt.'],
  ] as const) {
    await tell(page, question, words)
    await page.keyboard.press('Control+Shift+O')
  }
}

const SUM = `Use the built-in **sum**. It takes any *iterable* of numbers:

\`\`\`python
values = [1, 2, 3]
print(sum(values))  # 6
\`\`\`

| Way | When |
| --- | --- |
| \`sum\` | whole numbers |
| \`math.fsum\` | floats that must be exact |

For $n$ whole numbers there is a shortcut:

$$\\sum_{i=1}^{n} i = \\frac{n(n+1)}{2}$$
`

export const CHAT_SCENES: readonly Scene[] = [
  { name: 'chat-empty', path: '/', play: (page) => page.getByText('Could read this chat').waitFor() },
  {
    name: 'chat-answer',
    path: '/',
    play: async (page) => {
      await history(page)
      await tell(page, 'How do I sum a list in Python, and which ways are there?', SUM)
      await page.locator('math').last().waitFor()
    },
  },
  {
    name: 'chat-thinking',
    path: '/',
    play: async (page) => {
      await history(page)
      await tell(page, 'Shall I take an umbrella in Rome?', 'Let me look it up.')
      await ask(page, 'Please do.')
      await answer(page, { type: 'reasoning', text: 'The weather decides. There is a function for it.', completionTokens: 12 })
      await page.getByText('Thinking…').click()
      await answer(page, { type: 'call', id: 'c1', name: 'weather', completionTokens: 18 })
      await answer(page, { type: 'arguments', index: 0, text: '{"place": "Rome"}', completionTokens: 30 })
    },
  },
  {
    name: 'chat-models',
    path: '/?scenario=models',
    play: async (page) => {
      await page.getByTitle('Choose a model').click()
      await page.getByText('Fits on').first().waitFor()
    },
  },
  {
    name: 'chat-settings',
    path: '/',
    play: async (page) => {
      await page.getByRole('button', { name: 'Settings of this chat' }).click()
      await page.getByRole('dialog').waitFor()
    },
  },
  {
    name: 'chat-no-devices',
    path: '/?scenario=empty',
    play: async (page) => {
      await ask(page, 'Hello?')
      await page.getByRole('alert').filter({ hasText: 'No devices' }).waitFor()
    },
  },
]
