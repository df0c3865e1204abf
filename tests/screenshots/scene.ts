import type { Page } from 'playwright-core'

/** `play` ends when the page looks as it should. */
export type Scene = { readonly name: string; readonly path: string; readonly play: (page: Page) => Promise<void> }
