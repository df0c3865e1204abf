/** The one tab of a browser of its own: its processes can be told apart, and what it stores stays on disk. */
import { openPlainBrowser, type PlainBrowser, type PlainTab } from '../scripts/plain-browser.ts'

export type LoneTab = PlainTab & Pick<PlainBrowser, 'pid' | 'version'>

/** @param script runs in every document before its own */
export async function openLoneTab(executable: string, flags: readonly string[], script = ''): Promise<LoneTab> {
  const browser = await openPlainBrowser(executable, flags)
  try {
    return { ...(await browser.firstTab(script)), pid: browser.pid, version: browser.version, close: browser.close }
  } catch (error) {
    await browser.close()
    throw error
  }
}
