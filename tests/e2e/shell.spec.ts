/** What stands in the document before any code runs: the words of the page that comes, where they then are. */
import { expect, test, type Page } from '@playwright/test'
import { startPageServer, type PageServer } from './page-server.ts'

const PATHS = ['/', '/contribute', '/cluster', '/models', '/keys', '/start'] as const
/** Its welcome stands in the middle of what is left beside other parts, which a document without code does not know. */
const CENTRED = '/'

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

type Seen = { readonly words: string; readonly x: number; readonly y: number; readonly width: number; readonly size: string }

/** Title and lead of the page, as they are seen. */
async function seen(page: Page): Promise<readonly Seen[]> {
  const title = page.getByRole('heading', { level: 1 })
  await expect(title).toHaveCount(1)
  return title.evaluate((heading) =>
    [heading, heading.nextElementSibling ?? heading].map((element) => {
      const { x, y, width } = element.getBoundingClientRect()
      return { words: (element.textContent ?? '').replace(/\s+/g, ' ').trim(), x, y, width, size: getComputedStyle(element).fontSize }
    }),
  )
}

for (const width of [1280, 360]) {
  for (const path of PATHS) {
    test(`${path} at ${width} px: a document without code says what the page then says, in its place`, async ({ page }) => {
      await page.setViewportSize({ width, height: 740 })
      const noCode = (url: URL): boolean => url.pathname.endsWith('.js') && !url.pathname.endsWith('/theme.js')
      await page.route(noCode, (route) => route.abort())
      await page.goto(server.url + path)
      const before = await seen(page)
      await expect(page.getByRole('navigation', { name: 'Pages' }).getByRole('link')).toHaveCount(4)
      await page.unroute(noCode)
      await page.goto(server.url + path)
      await expect(page.locator('.shell')).toHaveCount(0)
      const after = await seen(page)
      for (const [i, { words, x, y, width: wide, size }] of before.entries()) {
        const other = after[i]
        if (!other) throw new Error('the page has fewer words')
        expect(other.words.startsWith(words), `${words} | ${other.words}`).toBe(true)
        expect(size).toBe(other.size)
        if (path === CENTRED) continue
        expect(Math.max(Math.abs(x - other.x), Math.abs(y - other.y), Math.abs(wide - other.width)), `${words} is moved`).toBeLessThanOrEqual(1)
      }
    })
  }
}
