/**
 * `npm run screenshots [-- NAME…]`: the pictures of docs/screenshots, each in light and dark, 1280 and 360 px wide, over the played cluster.
 * A scene is a name and what is done on the page before its picture; names may be given to take only some.
 */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { startPageServer } from '../e2e/page-server.ts'
import { CHAT_SCENES } from './chat-scenes.ts'
import { OPERATE_SCENES } from './operate-scenes.ts'
import type { Scene } from './scene.ts'

const FOLDER = path.resolve(import.meta.dirname, '../../docs/screenshots')
const SIZES = [
  { width: 1280, height: 800 },
  { width: 360, height: 740 },
] as const
const SCENES: readonly Scene[] = [...CHAT_SCENES, ...OPERATE_SCENES]

const wanted = process.argv.slice(2)
const executablePath = process.env['CHROMIUM_PATH']
const server = await startPageServer()
const browser = await chromium.launch({ args: ['--no-sandbox'], ...(executablePath === undefined ? {} : { executablePath }) })
try {
  await mkdir(FOLDER, { recursive: true })
  for (const scene of SCENES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const viewport of SIZES) {
        const page = await browser.newPage({ viewport, colorScheme, reducedMotion: 'reduce' })
        await page.goto(server.url + scene.path)
        await scene.play(page)
        // Scrolling and colours come a frame or two later.
        await page.evaluate(() => new Promise<void>((done) => setTimeout(done, 400)))
        const file = `${scene.name}-${colorScheme}-${viewport.width}.png`
        await page.screenshot({ path: path.join(FOLDER, file), caret: 'hide', fullPage: scene.isTall ?? false })
        await page.close()
        process.stdout.write(`docs/screenshots/${file}\n`)
      }
    }
  }
} finally {
  await browser.close()
  await server.close()
}
