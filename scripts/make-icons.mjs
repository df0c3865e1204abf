/** `node scripts/make-icons.mjs`: draws web/public/icon-*.png from favicon.svg, for systems that install pages with bitmaps only. */
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { chromium } from 'playwright-core'
import { ensureBrowser } from './bootstrap.mjs'

const FOLDER = path.resolve(import.meta.dirname, '../web/public')
/** A maskable icon is cut to any shape: what matters stays within the inner 80 %. */
const ICONS = [
  { file: 'icon-192.png', size: 192, share: 0.86, ground: 'transparent' },
  { file: 'icon-512.png', size: 512, share: 0.86, ground: 'transparent' },
  { file: 'icon-maskable-512.png', size: 512, share: 0.6, ground: '#fbfaf7' },
]

const drawing = (await readFile(path.join(FOLDER, 'favicon.svg'), 'utf8')).replace('<svg ', '<svg width="100%" height="100%" ')
const browser = await chromium.launch({ executablePath: await ensureBrowser(), args: ['--no-sandbox'] })
const page = await browser.newPage()
for (const { file, size, share, ground } of ICONS) {
  await page.setViewportSize({ width: size, height: size })
  const inner = Math.round(size * share)
  await page.setContent(
    `<body style="margin:0;background:${ground};display:grid;place-items:center;height:100vh"><div style="width:${inner}px;height:${inner}px">${drawing}</div></body>`,
  )
  await writeFile(path.join(FOLDER, file), await page.screenshot({ omitBackground: true }))
}
await browser.close()
