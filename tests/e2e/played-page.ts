/** What tests of played pages share: opening one, answering as the ring would, and what holds on every page. */
import { expect, test, type Page } from '@playwright/test'
import type { ChatEvent } from '../../web/engine/page-engine.ts'
import type { PageServer } from './page-server.ts'

/** Runs `tests` on a wide and on a narrow screen. @param tests given how a picture is kept */
export function onBothScreens(tests: (shoot: (page: Page, name: string, fullPage?: boolean) => Promise<unknown>) => void): void {
  for (const { width, height } of [
    { width: 1280, height: 860 },
    { width: 360, height: 740 },
  ]) {
    test.describe(`${width} px wide`, () => {
      test.use({ viewport: { width, height } })
      tests((page, name, fullPage = true) => page.screenshot({ path: `test-results/shots/${name}-${width}.png`, fullPage }))
    })
  }
}

/** Opens a page of a scenario; anything the browser complains about, the Content-Security-Policy included, fails the test. */
export async function open(page: Page, { url }: PageServer, path: string): Promise<void> {
  page.on('console', (message) => expect.soft(message.type(), message.text()).not.toBe('error'))
  page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
  await page.goto(url + path)
  await expect(page.locator('ringlet-app main')).toBeVisible()
}

export const answer = (page: Page, event: ChatEvent) => page.evaluate((given) => window.fixture.answer(given), event)
export const text = (words: string, completionTokens: number): ChatEvent => ({ type: 'text', text: words, completionTokens })
export const DONE: ChatEvent = { type: 'done', finish: 'stop', promptTokens: 12, completionTokens: 96, firstTokenMs: 212, tokensPerSecond: 23.4 }

export async function ask(page: Page, question: string): Promise<void> {
  await page.getByLabel('Your question').fill(question)
  await page.getByLabel('Your question').press('Enter')
}

/** Nothing reaches beyond the right edge, and what a person can touch has a name. */
export async function expectSound(page: Page): Promise<void> {
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  expect(overflow, 'sideways scroll in pixels').toBe(0)
  const problems = await page.evaluate(() => {
    const found: string[] = []
    const nameOf = (element: Element): string => {
      const label = element.getAttribute('aria-label') ?? element.textContent?.trim() ?? ''
      const labels =
        element instanceof HTMLInputElement || element instanceof HTMLSelectElement || element instanceof HTMLTextAreaElement
          ? [...(element.labels ?? [])].map((one) => one.textContent?.trim())
          : []
      return element.matches('input, select, textarea') ? (element.getAttribute('aria-label') ?? labels.join('')) : label
    }
    const visit = (root: Document | ShadowRoot): void => {
      const ids = [...root.querySelectorAll('[id]')].map((element) => element.id)
      if (new Set(ids).size !== ids.length) found.push(`double ids: ${ids.join()}`)
      for (const element of root.querySelectorAll('*')) {
        if (element.matches('button, a[href], input, select, textarea') && nameOf(element) === '')
          found.push(`no name: ${element.outerHTML.slice(0, 120)}`)
        if (element.matches('[aria-labelledby]') && !ids.includes(element.getAttribute('aria-labelledby') ?? ''))
          found.push(`label is elsewhere: ${element.outerHTML.slice(0, 120)}`)
        if (element.shadowRoot) visit(element.shadowRoot)
      }
    }
    visit(document)
    return found
  })
  expect(problems).toEqual([])
  await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1)
}
