/** The page of the API, as a browser shows it under its own policy. */
import { expect, test } from '@playwright/test'
import { OPERATIONS } from '../../api-gateway/openapi/operations.ts'
import { startGateway, type TestGateway } from '../harness/gateway.ts'

let gateway: TestGateway
test.beforeAll(async () => {
  gateway = await startGateway()
})
test.afterAll(() => gateway[Symbol.asyncDispose]())

for (const width of [1280, 360])
  for (const colorScheme of ['light', 'dark'] as const)
    test(`docs at ${width}, ${colorScheme}: every route with its fields, nothing refused by the policy, nothing wider than the page`, async ({
      page,
    }, info) => {
      const complaints: string[] = []
      page.on('console', (message) => complaints.push(message.text()))
      page.on('pageerror', (error) => complaints.push(error.message))
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 900 })
      const answer = await page.goto(`${gateway.url}/docs`)
      expect(answer?.headers()['content-security-policy']).not.toContain('unsafe-inline')
      await expect(page.getByRole('heading', { level: 3 })).toHaveCount(OPERATIONS.length)
      // Its stylesheet is there, in the colours that were asked for.
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
      expect(background).toBe(colorScheme === 'light' ? 'rgb(251, 251, 249)' : 'rgb(19, 21, 25)')
      const overflow = (): Promise<number> => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      expect(await overflow()).toBe(0)
      await page.screenshot({ path: info.outputPath('docs.png') })
      await page.getByRole('navigation').getByRole('link', { name: 'Anthropic' }).click()
      await expect(page.getByRole('heading', { name: 'Anthropic' })).toBeInViewport()
      const chat = page.locator('section', { has: page.getByRole('heading', { name: 'POST /v1/chat/completions' }) })
      await chat.getByText('Body', { exact: true }).click()
      await expect(chat.getByText('response_format', { exact: true })).toBeVisible()
      await expect(chat.getByRole('row', { name: 'stream boolean', exact: true })).toBeVisible()
      await page.locator('details').evaluateAll((all) => all.forEach((one) => one.setAttribute('open', '')))
      expect(await overflow()).toBe(0)
      // Nothing of a table is beyond its edge either.
      const wide = page.locator('table').evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).length)
      expect(await wide).toBe(0)
      await chat.scrollIntoViewIfNeeded()
      await page.screenshot({ path: info.outputPath('docs-open.png'), fullPage: true })
      expect(complaints).toEqual([])
    })
