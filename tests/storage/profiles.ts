/** Pages that read a checkpoint of the stand-in hub, each in a browser profile of its own. */
import type { Page } from '@playwright/test'
import type { Harness } from '../harness/browser.ts'
import type { HubRequest, StandInHub } from '../harness/hub.ts'
import type { Answer, Task } from './reading.page.ts'

export type Profile = {
  readonly page: Page
  /** Another page of the same profile: what the first kept is there. */
  readonly again: () => Promise<Page>
}

export async function openProfile(harness: Harness): Promise<Profile> {
  const page = await harness.openPage()
  return {
    page,
    again: async () => {
      const next = await page.context().newPage()
      await next.goto(`${harness.origin}/tests/harness/index.html`)
      return next
    },
  }
}

export const readIn = (harness: Harness, page: Page, hub: StandInHub, task: Partial<Task>): Promise<Answer> =>
  harness.call<Answer>(
    'tests/storage/reading.page.ts',
    'read',
    { address: `${hub.endpoint}/org/name/resolve/main`, texts: [], ranges: [], remove: false, forbids: [], ...task },
    page,
  )

/** Bytes that the hub was asked for, HEAD left out. */
export const askedBytes = (requests: readonly HubRequest[]): number =>
  requests.reduce((sum, { range, method, from }) => sum + (range && method !== 'HEAD' && from === 'cdn' ? range.end - range.start : 0), 0)
