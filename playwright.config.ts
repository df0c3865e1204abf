/** Tests that need a browser. Each spec starts the servers it needs, so there is no global one. */
import { existsSync } from 'node:fs'
import { defineConfig } from '@playwright/test'

const SYSTEM_BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/microsoft-edge',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]
const browser = process.env['CHROMIUM_PATH'] ?? SYSTEM_BROWSERS.find((path) => existsSync(path))

/** Files that need pages and no ring: their tests are independent of each other, and have no deadlines that a busy machine would miss. */
const PAGES = [
  ...['chat-axe', 'chat-played', 'cluster-pages', 'docs', 'keys', 'lend-pages', 'markdown', 'operate-axe', 'pages-*', 'shell'].map(
    (name) => `**/e2e/${name}.spec.ts`,
  ),
  '**/conformance/{browser,text}.spec.ts',
  '**/kernels/*.spec.ts',
  '**/storage/*.spec.ts',
]

export default defineConfig({
  testDir: 'tests',
  testMatch: '**/*.spec.ts',
  // `npm test` gives pages two workers; a ring has the machine to itself.
  projects: [
    { name: 'pages', testMatch: PAGES, fullyParallel: true },
    { name: 'rings', testIgnore: PAGES },
  ],
  outputDir: 'test-results',
  workers: 1,
  fullyParallel: false,
  timeout: 60_000,
  reporter: [['list']],
  use: {
    browserName: 'chromium',
    headless: true,
    launchOptions: {
      // Without a system browser Playwright's own is used.
      ...(browser === undefined ? {} : { executablePath: browser }),
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        // A software adapter (SwiftShader) where there is no GPU.
        '--enable-unsafe-webgpu',
      ],
    },
  },
})
