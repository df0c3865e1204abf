import type { Page } from 'playwright-core'

/** `play` ends when the page looks as it should. `isTall`: its picture is of the whole page, beyond what a screen shows. */
export type Scene = { readonly name: string; readonly path: string; readonly play: (page: Page) => Promise<void>; readonly isTall?: boolean }
