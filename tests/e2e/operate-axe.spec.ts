/** No state of lending, cluster, models, keys and first steps breaks a rule of axe, in light and dark, wide and narrow. */
import { expect, test } from '@playwright/test'
import { OPERATE_SCENES, OPERATE_STATES } from '../screenshots/operate-scenes.ts'
import { axeFindings } from './axe.ts'
import { startPageServer, type PageServer } from './page-server.ts'

let server: PageServer
test.beforeAll(async () => {
  server = await startPageServer()
})
test.afterAll(() => server.close())

for (const scene of [...OPERATE_SCENES, ...OPERATE_STATES])
  test(`axe finds nothing: ${scene.name}`, async ({ page }) => {
    page.on('pageerror', (error) => expect.soft(error.message).toBe(''))
    // Animations would be judged in their middle.
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await page.goto(server.url + scene.path)
    await scene.play(page)
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1280, 360]) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
        await page.setViewportSize({ width, height: 800 })
        expect(await axeFindings(page, `${colorScheme} ${width}`)).toEqual([])
        expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 'sideways scroll').toBe(0)
      }
    }
  })
